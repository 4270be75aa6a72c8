import { run } from '@shop/example-shop'

import { listen } from './app.ts'

await run('express', listen)
