import { run } from '@shop/example-shop'

import { createApp } from './app.ts'

await run('fastify', async (shop, { HOST, PORT }) => {
  const app = await createApp(shop)
  await app.listen({ host: HOST, port: PORT })
  return () => app.close()
})
