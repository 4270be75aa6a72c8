import express from 'express'
import { describe, expect, test } from 'vitest'

import { explain, protect } from './express.ts'

// the types of Express 5 stand for both
const { default: express4 } = (await import('express4' as string)) as { default: typeof express }

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('explain on %s', (_name, create) => {
  test('prints the policies and finds nothing wrong with protect() first', () => {
    const app = create()
    app.use(protect({ name: 'csrf', evaluate: () => undefined }))
    app.use(create.json())
    app.get('/', (_request, response) => void response.end())
    expect(explain(app)).toBe(' 1. csrf  evaluate')
  })

  test('warns of routes and parsers that stand before it', () => {
    const app = create()
    app.use(create.json())
    app.post('/orders', (_request, response) => void response.end())
    app.use(protect({ name: 'csrf', evaluate: () => undefined }))
    expect(explain(app).split('\n').slice(1)).toEqual([
      'warning: routes stand before protect(), which does not see them: /orders',
      'warning: jsonParser stands before protect(): policies cannot refuse a body before it is parsed, nor read its raw bytes',
    ])
  })

  test('says when there is none', () => {
    expect(explain(create())).toBe('warning: no protect() in this application')
  })
})
