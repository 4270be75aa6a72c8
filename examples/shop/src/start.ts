import { parseArgs } from 'node:util'

import { BootError } from './boot-error.ts'
import { startDemo } from './demo/demo.ts'
import { Stopped } from './demo/ending.ts'

const usage = `npm start -- [--once] [--products 10000] [--orders 100000] [--visits 150] [--port 3300]

  --once      end after the first round of traffic, instead of staying up until Ctrl-C
  --products  how many products to seed (at least 100)
  --orders    how many orders to seed (at least 1000)
  --visits    how many shoppers visit each app
  --port      where Express listens; Fastify takes the next one`

try {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      products: { type: 'string', default: process.env['SHOP_PRODUCTS'] ?? '10000' },
      orders: { type: 'string', default: process.env['SHOP_ORDERS'] ?? '100000' },
      visits: { type: 'string', default: '150' },
      port: { type: 'string', default: process.env['PORT'] ?? '3300' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) console.log(usage)
  else
    await startDemo({
      once: values.once,
      products: whole('--products', values.products, 100, 1_000_000),
      orders: whole('--orders', values.orders, 1_000, 10_000_000),
      visits: whole('--visits', values.visits, 1, 100_000),
      port: whole('--port', values.port, 1_024, 65_534),
    })
} catch (error) {
  if (error instanceof Stopped) {
    console.log(error.message)
    // whatever was under way ends with this process: the apps by their channel, PostgreSQL by its watchdog
    process.exit(0)
  }
  const told = error instanceof BootError || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')
  console.error(told ? (error as Error).message : error)
  process.exit(1)
}

function whole(name: string, given: string, min: number, max: number): number {
  const value = Number(given)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new BootError(`${name} is ${JSON.stringify(given)}, and should be a whole number from ${min} to ${max}`)
}
