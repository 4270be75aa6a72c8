import { describeShop } from '@shop/example-shop/spec'

import { listen } from './app.ts'

describeShop('fastify', listen, new URL('main.ts', import.meta.url))
