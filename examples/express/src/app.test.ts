import { describeShop } from '@shop/example-shop/spec'

import { listen } from './app.ts'

describeShop('express', listen, new URL('main.ts', import.meta.url))
