import { assetRoutes } from './assets.ts'
import { accountRoutes } from './pages/account.ts'
import { adminRoutes } from './pages/admin.ts'
import { cartRoutes } from './pages/cart.ts'
import { catalogueRoutes } from './pages/catalogue.ts'
import { checkoutRoutes } from './pages/checkout.ts'
import { dashboardRoutes } from './pages/dashboard.ts'
import { orderRoutes } from './pages/orders.ts'
import { systemRoutes } from './pages/system.ts'
import type { Shop } from './shop.ts'
import type { Route } from './web.ts'

/** Every route of the shop; the two apps bind the same list. */
export const routes = (shop: Shop): readonly Route[] => [
  ...assetRoutes(),
  ...systemRoutes(shop),
  ...catalogueRoutes(shop),
  ...cartRoutes(shop),
  ...checkoutRoutes(shop),
  ...orderRoutes(shop),
  ...accountRoutes(shop),
  ...dashboardRoutes(shop),
  ...adminRoutes(shop),
]
