import { expect, test } from 'vitest'

import { protect } from './nest.ts'

test('an application on an unknown platform is refused', async () => {
  const app = { getHttpAdapter: () => ({ getType: () => 'uws' }) } as never
  await expect(protect()(app)).rejects.toMatchObject({ code: 'ERR_SHOP_MIDDLEWARE_PLATFORM' })
})
