import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** Every framework, and version or platform of it, that the adapters of `@shop/middleware` serve. */
export const FRAMEWORKS = [
  'node',
  'http2',
  'express4',
  'express5',
  'fastify',
  'koa',
  'hono',
  'nest-express',
  'nest-fastify',
] as const
export type Framework = (typeof FRAMEWORKS)[number]

/** The adapters' `protect` functions by entry point; given by the caller, so that the testkit depends on no package it tests. */
export type Adapters = Readonly<
  Record<'node' | 'express' | 'fastify' | 'koa' | 'hono' | 'nest', (...args: never[]) => unknown>
>

export interface Handled {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** An async iterable is streamed. */
  readonly body?: string | AsyncIterable<Uint8Array>
}

export interface Handling {
  /** The framework's own request object, as a handler gets it. */
  readonly request: object
  /** What the framework's own parser made of the body (JSON, urlencoded, text), or `undefined`. */
  readonly body: unknown
  readonly params: Readonly<Record<string, string>>
  /** The raw response, where there is one, for tests of what handlers do behind the framework's back. */
  readonly response: ServerResponse | undefined
}

/** One route, told once and bound the way each framework's users would. A handler may throw. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With `:name` parameters. */
  readonly path: string
  readonly handle: (handling: Handling) => Handled | Promise<Handled>
}

export interface Served extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Every unhandled error the framework told of. */
  readonly errors: unknown[]
}

type App = { readonly listener: RequestListener; readonly close?: () => Promise<unknown> }
type Use = (...args: unknown[]) => unknown

/** Serves `routes` behind `policies` on 127.0.0.1; the same application on every framework. */
export async function serve(
  framework: Framework,
  adapters: Adapters,
  policies: readonly object[],
  routes: readonly Route[],
): Promise<Served> {
  const errors: unknown[] = []
  const adapter = adapters[ENTRY[framework]] as (...policies: readonly object[]) => unknown
  const app = await BUILDERS[framework](adapter(...policies), routes, errors)
  const server = framework === 'http2' ? http2.createServer(app.listener as never) : http.createServer(app.listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    errors,
    async [Symbol.asyncDispose]() {
      if ('closeAllConnections' in server) server.closeAllConnections()
      server.close()
      await app.close?.()
    },
  }
}

const ENTRY = {
  node: 'node',
  http2: 'node',
  express4: 'express',
  express5: 'express',
  fastify: 'fastify',
  koa: 'koa',
  hono: 'hono',
  'nest-express': 'nest',
  'nest-fastify': 'nest',
} as const satisfies Record<Framework, keyof Adapters>

const BUILDERS: Record<Framework, (guard: unknown, routes: readonly Route[], errors: unknown[]) => Promise<App>> = {
  node: plain,
  http2: plain,
  express4: (guard, routes, errors) => express('express4', guard, routes, errors),
  express5: (guard, routes, errors) => express('express', guard, routes, errors),
  fastify,
  koa,
  hono,
  'nest-express': (guard, routes, errors) => nest('express', guard, routes, errors),
  'nest-fastify': (guard, routes, errors) => nest('fastify', guard, routes, errors),
}

function plain(guard: unknown, routes: readonly Route[], errors: unknown[]): Promise<App> {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url!.split('?', 1)[0]!
    for (const route of routes) {
      const params = match(route.path, path)
      if (!params || (route.method !== request.method && !(route.method === 'GET' && request.method === 'HEAD')))
        continue
      try {
        const raw =
          request.readableEnded || request.method === 'GET' || request.method === 'HEAD' ? '' : await text(request)
        const body =
          raw === '' ? undefined : (request.headers['content-type'] ?? '').includes('json') ? JSON.parse(raw) : raw
        write(response, await route.handle({ request, body, params, response }))
      } catch (error) {
        errors.push(error)
        if (!response.headersSent) write(response, { status: 500 })
        else response.destroy(error as Error)
      }
      return
    }
    write(response, { status: 404, body: 'not found' })
  }
  const protectedHandler = (guard as (handler: RequestListener) => RequestListener)(
    (request, response) => void handle(request, response),
  )
  return Promise.resolve({ listener: protectedHandler })
}

async function express(
  name: 'express' | 'express4',
  guard: unknown,
  routes: readonly Route[],
  errors: unknown[],
): Promise<App> {
  const { default: create } = (await import(name)) as { default: typeof import('express') }
  const app = create()
  app.use(guard as never)
  app.use(create.json(), create.urlencoded({ extended: false }), create.text())
  for (const route of routes) {
    app[route.method.toLowerCase() as 'get'](route.path, (request, response, next) => {
      void Promise.resolve()
        .then(() =>
          route.handle({ request, body: request.body, params: request.params as Record<string, string>, response }),
        )
        .then((handled) => write(response, handled))
        .catch(next)
    })
  }
  app.use(((error: unknown, _request: unknown, response: ServerResponse, _next: unknown) => {
    errors.push(error)
    if (response.headersSent) response.destroy(error as Error)
    else write(response, { status: (error as { status?: number }).status ?? 500 })
  }) as never)
  return { listener: app }
}

async function fastify(guard: unknown, routes: readonly Route[], errors: unknown[]): Promise<App> {
  const { default: create } = await import('fastify')
  let listener: RequestListener = () => {}
  const app = create({
    serverFactory: (handler) => {
      listener = handler as RequestListener
      return http.createServer()
    },
  })
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  app.addHook('onError', (_request, _reply, error, done) => {
    errors.push(error)
    done()
  })
  await app.register(guard as never)
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const {
          status = 200,
          headers = {},
          body,
        } = await route.handle({
          request,
          body: request.body,
          params: request.params as Record<string, string>,
          response: reply.raw,
        })
        return reply
          .code(status)
          .headers(headers)
          .send(body === undefined || typeof body === 'string' ? body : Readable.from(body))
      },
    })
  }
  await app.ready()
  return { listener, close: () => app.close() }
}

async function koa(guard: unknown, routes: readonly Route[], errors: unknown[]): Promise<App> {
  const [{ default: Koa }, { default: Router }, { bodyParser }] = await Promise.all([
    import('koa'),
    import('@koa/router'),
    import('@koa/bodyparser'),
  ])
  const app = new Koa()
  app.silent = true
  app.on('error', (error) => errors.push(error))
  app.use(guard as never)
  app.use(bodyParser({ enableTypes: ['json', 'form', 'text'] }))
  const router = new Router()
  for (const route of routes) {
    router[route.method.toLowerCase() as 'get'](route.path, async (context) => {
      const {
        status = 200,
        headers = {},
        body,
      } = await route.handle({
        request: context,
        body: (context.request as { body?: unknown }).body,
        params: context.params as Record<string, string>,
        response: context.res,
      })
      if (context.res.headersSent) return void (context.respond = false)
      context.status = status
      context.set(headers as Record<string, string>)
      context.body = body === undefined || typeof body === 'string' ? (body ?? '') : Readable.from(body)
    })
  }
  app.use(router.routes())
  return { listener: app.callback() as RequestListener }
}

async function hono(guard: unknown, routes: readonly Route[], errors: unknown[]): Promise<App> {
  const [{ Hono }, { getRequestListener }] = await Promise.all([import('hono'), import('@hono/node-server')])
  const app = new Hono()
  app.onError((error, context) => {
    errors.push(error)
    return context.text('error', 500)
  })
  app.use(guard as never)
  for (const route of routes) {
    app.on(route.method, route.path, async (context) => {
      const raw = route.method === 'GET' ? '' : await context.req.text()
      const body =
        raw === '' ? undefined : (context.req.header('content-type') ?? '').includes('json') ? JSON.parse(raw) : raw
      const { outgoing } = context.env as { outgoing?: ServerResponse }
      const handled = await route.handle({
        request: context,
        body,
        params: context.req.param() as Record<string, string>,
        response: outgoing,
      })
      const content =
        handled.body === undefined || typeof handled.body === 'string'
          ? handled.body
          : Readable.toWeb(Readable.from(handled.body))
      return new Response(content as never, { status: handled.status ?? 200, headers: { ...handled.headers } })
    })
  }
  return { listener: getRequestListener(app.fetch) as unknown as RequestListener }
}

async function nest(
  platform: 'express' | 'fastify',
  guard: unknown,
  routes: readonly Route[],
  errors: unknown[],
): Promise<App> {
  await import('reflect-metadata')
  const [{ NestFactory }, { Controller, Delete, Get, Module, Post, Put, Req, Res }] = await Promise.all([
    import('@nestjs/core'),
    import('@nestjs/common'),
  ])
  const verbs = { GET: Get, POST: Post, PUT: Put, DELETE: Delete }
  class Root {}
  class Routes {}
  routes.forEach((route, index) => {
    const name = `route${index}`
    const handler = async (request: NestRequest, reply: NestReply): Promise<void> => {
      const response = reply.raw ?? (reply as unknown as ServerResponse)
      try {
        const handled = await route.handle({ request, body: request.body, params: request.params, response })
        if (reply.raw === undefined) return write(response, handled)
        const { status = 200, headers = {}, body } = handled
        reply
          .code(status)
          .headers(headers)
          .send(body === undefined || typeof body === 'string' ? body : Readable.from(body))
      } catch (error) {
        errors.push(error)
        throw error
      }
    }
    // what @Get(path) name(@Req() request, @Res() reply) does, for a class made of data
    const descriptor = { value: handler, configurable: true, writable: true }
    Object.defineProperty(Routes.prototype, name, descriptor)
    Req()(Routes.prototype, name, 0)
    Res()(Routes.prototype, name, 1)
    verbs[route.method](route.path)(Routes.prototype, name, descriptor)
  })
  Controller()(Routes)
  Module({ controllers: [Routes] })(Root)
  const options = { logger: false as const }
  const app =
    platform === 'express'
      ? await NestFactory.create(Root, options)
      : await NestFactory.create(
          Root,
          new (await import('@nestjs/platform-fastify')).FastifyAdapter() as never,
          options,
        )
  await (guard as Use)(app)
  await app.init()
  const instance = app.getHttpAdapter().getInstance() as RequestListener & import('fastify').FastifyInstance
  if (platform === 'fastify') await instance.ready()
  return {
    listener: platform === 'express' ? instance : (request, response) => instance.routing(request, response),
    close: () => app.close(),
  }
}

type NestRequest = { readonly body: unknown; readonly params: Record<string, string> }
type NestReply = {
  readonly raw?: ServerResponse
  code(status: number): NestReply
  headers(all: object): NestReply
  send(body: unknown): void
}

function write(response: ServerResponse, { status = 200, headers = {}, body }: Handled): void {
  if (response.writableEnded) return
  if (!response.headersSent) {
    response.statusCode = status
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  }
  if (body === undefined || typeof body === 'string') response.end(body)
  else
    Readable.from(body)
      .on('error', (error) => response.destroy(error))
      .pipe(response)
}

function match(template: string, path: string): Record<string, string> | undefined {
  const wanted = template.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i]!.startsWith(':')) params[wanted[i]!.slice(1)] = given[i]!
    else if (wanted[i] !== given[i]) return undefined
  }
  return params
}
