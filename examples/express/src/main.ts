import { once } from 'node:events'

import { run } from '@shop/example-shop'

import { createApp } from './app.ts'

await run('express', async (shop, { HOST, PORT }) => {
  const server = createApp(shop).listen(PORT, HOST)
  await once(server, 'listening')
  return async () => {
    server.close()
    server.closeIdleConnections()
    await once(server, 'close')
  }
})
