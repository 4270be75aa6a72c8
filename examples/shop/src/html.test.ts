import { describe, expect, it } from 'vitest'

import { html } from './html.ts'

describe('html', () => {
  it('escapes every value, in text and in attributes', () => {
    expect(html`<p title="${'"quoted"'}">${'<script>'} & ${"'"}</p>`.text).toBe(
      '<p title="&quot;quoted&quot;">&lt;script&gt; & &#39;</p>',
    )
  })

  it('takes templates and lists of templates as they are', () => {
    expect(
      html`<ul>
        ${['a', '<b>'].map((item) => html`<li>${item}</li>`)}
      </ul>`.text,
    ).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>')
  })

  it('shows nothing for what is absent, and zero as zero', () => {
    expect(html`[${null}${undefined}${false}${0}]`.text).toBe('[0]')
  })
})
