import { expect, test } from 'vitest'

import { chromium } from './chromium.ts'
import { needs } from './needs.ts'

test('a page runs its script', async (ctx) => {
  needs(ctx, 'chromium')
  await using browser = await chromium()
  const page = await browser.newPage()
  await page.setContent('<p></p><script>document.querySelector("p").textContent = 6 * 7</script>')
  expect(await page.textContent('p')).toBe('42')
})
