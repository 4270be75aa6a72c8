import { describe, expect, it } from 'vitest'

import { html } from './html.ts'

describe('html', () => {
  it('escapes every value, in text and in attributes', () => {
    expect(html`<p title="${'"quoted"'}">${'<script>'} & ${"'"}</p>`.text).toBe(
      '<p title="&quot;quoted&quot;">&lt;script&gt; & &#39;</p>',
    )
  })

  it('takes templates and lists of templates as they are', () => {
    const item = (name: string) => html`<b>${name}</b>`
    expect(html`[${['a', '<b>'].map(item)}]`.text).toBe('[<b>a</b><b>&lt;b&gt;</b>]')
  })

  it('shows nothing for what is absent, and zero as zero', () => {
    expect(html`[${null}${undefined}${false}${0}]`.text).toBe('[0]')
  })
})
