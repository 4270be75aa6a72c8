import { type Denial, type Policy, requestKey, type RequestKey, type RequestView, type Verdict } from '@shop/middleware'

import { clientHasher } from './client-hash.ts'
import { type ClientScore, memoryScores, type ScoreStore } from './client-score.ts'
import { type Duration, milliseconds } from './duration.ts'
import { SecurityError } from './errors.ts'
import { suspicious } from './events.ts'
import { type FieldKind, type FieldSchema, fieldTree, fieldTreeOf } from './field-kinds.ts'
import { type InspectionEngine, runEngine } from './inspection-engine.ts'
import { modeReader } from './inspect-mode.ts'
import { integer, knownOptions, oneOf } from './options.ts'
import { pathMatcher } from './path-pattern.ts'
import { type RequestFinding, type ScanBudget, scanBody, scanHeaders, scanTarget } from './scan-request.ts'
import { honeypotPaths, isScannerAgent } from './scanner-agents.ts'
import { type ScoreKeeper, scoreKeeper, unknownStanding, type WhenStoreFails } from './score-keeper.ts'
import type { InspectMode, Suspicion, SuspicionKind } from './suspicion.ts'

/** Options of {@link inspect}. */
export interface InspectOptions {
  /** One mode, or one by path pattern, first match first: `{ '/admin/*': 'enforce', '/*': 'monitor' }`. @default 'monitor' */
  readonly mode?: InspectMode | Readonly<Record<string, InspectMode>>
  /** Kinds of fields, of body and query, by path: `{ email: 'email', 'lines[].sku': 'enum' }`. Those with the form of their kind are not scanned. @default none */
  readonly fields?: Readonly<Record<string, FieldKind>>
  /** The same from a JSON Schema, as `z.toJSONSchema(order)` gives one. @default none */
  readonly schema?: FieldSchema
  /** Headers to scan besides cookies. @default user-agent, referer, x-forwarded-for, x-forwarded-host */
  readonly headers?: readonly string[]
  /** Paths nobody has business with; a list replaces the built-in one, false turns it off. @default WordPress, .env, .git and kin */
  readonly honeypotPaths?: readonly string[] | false
  /** Form fields that people do not see and so leave empty. @default none */
  readonly honeypotFields?: readonly string[]
  /** Paths whose 401, 403 and 422 count as failed logins. @default none */
  readonly loginPaths?: readonly string[]
  /** Points for each kind. @default attack 10, engine 10, honeypot-path 10, honeypot-field 10, scanner 5, login-failure 3 */
  readonly points?: Partial<Record<PointsFor, number>>
  /** The score at which a client is jailed. @default 25 */
  readonly jailAt?: number
  /** How long. @default '15m' */
  readonly jailFor?: Duration
  /** In this time half of a score is forgotten. @default '10m' */
  readonly halfLife?: Duration
  /** Where scores are kept. @default the memory of this process, 10000 clients */
  readonly store?: ScoreStore
  /** After this the store counts as failed for the request at hand. @default '50ms' */
  readonly storeTimeout?: Duration
  /**
   * What stands in for a store that failed: `local`, this process's memory, which goes on from what the store last said of a
   * client; `open`, nobody is jailed; `closed`, what is enforced answers 503. An attack is refused in each of them.
   * @default 'local'
   */
  readonly whenStoreFails?: WhenStoreFails
  /** Who a client is. @default its address */
  readonly clientOf?: (request: RequestView) => string
  /** Keys the hash that stands for a client in stores and events; processes that share a store need the same, and it is required there. @default random */
  readonly clientKey?: string | Uint8Array
  /** The most characters read of one request; beyond it `enforce` refuses. @default 131072 */
  readonly maxCharacters?: number
  /** The most fields read of one request. @default 10000 */
  readonly maxFields?: number
  /** A second opinion, asked when the detector finds nothing. @default none */
  readonly engine?: InspectionEngine
  /** Milliseconds now. @default Date.now */
  readonly now?: () => number
}

type PointsFor = 'attack' | 'engine' | 'honeypot-path' | 'honeypot-field' | 'scanner' | 'login-failure'

/** The policy, and what an operator can do about a client. */
export interface InspectPolicy extends Policy {
  /** Amnesty: forgets a client's score and jail. */
  forgive(client: string): Promise<void>
  /**
   * A client's standing.
   * @throws ERR_SHOP_SECURITY_SCORES when the store does not answer and `whenStoreFails` is `closed`
   */
  standing(client: string): Promise<{ readonly score: number; readonly jailed: boolean }>
}

const standardPoints: Readonly<Record<PointsFor, number>> = {
  attack: 10,
  engine: 10,
  'honeypot-path': 10,
  'honeypot-field': 10,
  scanner: 5,
  'login-failure': 3,
}
const findings: RequestKey<RequestFinding> = requestKey<RequestFinding>()

const refusals: Readonly<Record<'suspicious' | 'jailed' | 'too-large' | 'unknown', Denial>> = {
  suspicious: { status: 403, code: 'suspicious-request', title: 'This request looks like an attack' },
  jailed: { status: 403, code: 'client-jailed', title: 'Too many suspicious requests came from here' },
  unknown: { status: 503, code: 'standing-unknown', title: 'This request cannot be judged just now' },
  'too-large': { status: 413, code: 'not-inspectable', title: 'This request is too large to be inspected' },
}

/** What was found in a request, with the decoded form: for the handler's own log or decision. */
export const findingOf = (request: object): RequestFinding | undefined => findings.get(request)

/**
 * Reads requests for attacks and keeps a score per client: SQL, XSS, path traversal, commands, NoSQL, templates, XML entities,
 * JNDI lookups, LDAP and header splitting, in path, query, headers, cookies and body, under up to three layers of encoding; also
 * scanners, honeypots and bursts of failed logins. It tells on the `suspicious` channel, and with `mode: 'enforce'` refuses.
 *
 * It is a tripwire, not a defence: parametrised queries and output encoding come first.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_DURATION, ERR_SHOP_SECURITY_PATTERN
 * @example app.use(protect(inspect({ mode: { '/admin/*': 'enforce', '/*': 'monitor' } })))
 */
export function inspect(options: InspectOptions = {}): InspectPolicy {
  knownOptions('inspect()', options, known)
  const modeOf = modeReader(options.mode ?? 'monitor')
  if (options.fields && options.schema)
    throw new SecurityError('ERR_SHOP_SECURITY_OPTION', 'inspect() takes fields or schema, not both.')
  const fields = options.fields ? fieldTreeOf(options.fields) : fieldTree(options.schema)
  const headers = options.headers?.map((name) => name.toLowerCase()) ?? [
    'user-agent',
    'referer',
    'x-forwarded-for',
    'x-forwarded-host',
  ]
  const isHoneypot = pathMatcher(
    'honeypotPaths',
    options.honeypotPaths === false ? [] : (options.honeypotPaths ?? honeypotPaths),
  )
  const traps = options.honeypotFields ?? []
  const isLogin = pathMatcher('loginPaths', options.loginPaths ?? [])
  const points = { ...standardPoints }
  for (const [kind, value] of Object.entries(options.points ?? {})) {
    knownOptions('points', { [kind]: value }, Object.keys(standardPoints))
    points[kind as PointsFor] = integer(`points.${kind}`, value, 0, [0, 1000])
  }
  const rules = {
    jailAt: integer('jailAt', options.jailAt, 25, [1, 100_000]),
    jailFor: milliseconds('jailFor', options.jailFor ?? '15m'),
    halfLife: Math.max(1, milliseconds('halfLife', options.halfLife ?? '10m')),
  }
  const maxCharacters = integer('maxCharacters', options.maxCharacters, 131_072, [1_024, 16_777_216])
  const maxFields = integer('maxFields', options.maxFields, 10_000, [1, 1_000_000])
  const store = options.store ?? memoryScores()
  if (store.shared && options.clientKey === undefined)
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'clientKey is missing: processes that share a store must hash a client alike.',
    )
  const keeper = scoreKeeper(store, rules, {
    timeout: milliseconds('storeTimeout', options.storeTimeout ?? '50ms', 10_000),
    now: options.now ?? Date.now,
    whenStoreFails: oneOf('whenStoreFails', options.whenStoreFails, 'local', ['local', 'open', 'closed']),
  })
  const hash = clientHasher(options.clientKey)
  const clientOf = options.clientOf ?? ((request: RequestView) => request.ip)
  const { engine } = options

  function tell(
    request: RequestView,
    kind: SuspicionKind,
    mode: InspectMode,
    refused: boolean,
    client: string,
    standing: ClientScore | undefined,
    found?: RequestFinding,
  ): void {
    if (!suspicious.hasSubscribers) return
    const event: Suspicion = {
      kind,
      mode,
      decision: !refused || mode === 'monitor' ? 'passed' : mode === 'enforce' ? 'refused' : 'would-refuse',
      ...(found && {
        class: found.class,
        rule: found.rule,
        place: found.place,
        name: found.name.slice(0, 128),
        layer: found.layer,
        start: found.start,
        end: found.end,
      }),
      method: request.method,
      route: request.route,
      client,
      score: standing?.score ?? 0,
      jailed: (standing?.jailedUntil ?? 0) > 0,
    }
    suspicious.publish(event)
  }

  /** Adds to the client's score, tells, and gives the refusal where the mode refuses. */
  function suspect(
    request: RequestView,
    kind: PointsFor,
    found?: RequestFinding,
  ): Verdict | undefined | Promise<Verdict | undefined> {
    const mode = modeOf(request.path)
    const client = hash(clientOf(request))
    if (found) findings.set(request, found)
    const refuses = kind !== 'scanner' && kind !== 'login-failure'
    const decide = (standing: ClientScore): Verdict | undefined => {
      tell(request, kind, mode, refuses, client, standing, found)
      return refuses && mode === 'enforce' ? { deny: refusals.suspicious } : undefined
    }
    const standing = keeper.add(client, points[kind])
    return standing instanceof Promise ? standing.then(decide) : decide(standing)
  }

  function overBudget(request: RequestView): Verdict | undefined {
    const mode = modeOf(request.path)
    tell(request, 'over-budget', mode, true, hash(clientOf(request)), undefined)
    return mode === 'enforce' ? { deny: refusals['too-large'] } : undefined
  }

  const fresh = (): ScanBudget => ({ characters: maxCharacters, nodes: maxFields, exceeded: false })

  function beforeBody(request: RequestView): Verdict | undefined | Promise<Verdict | undefined> {
    if (isHoneypot(request.path)) return suspect(request, 'honeypot-path')
    const budget = fresh()
    const found = scanTarget(request, fields, budget) ?? scanHeaders(request, headers, budget)
    if (found) return suspect(request, 'attack', found)
    if (budget.exceeded) return overBudget(request)
    const agent = request.header('user-agent')
    return agent !== undefined && isScannerAgent(agent) ? suspect(request, 'scanner') : undefined
  }

  /** A jailed client is refused before anything else is looked at. */
  function jailed(
    request: RequestView,
    mode: InspectMode,
    client: string,
    standing: Awaited<ReturnType<ScoreKeeper['read']>>,
  ): Verdict | undefined {
    if (standing === unknownStanding) return mode === 'enforce' ? { deny: refusals.unknown } : undefined
    if (standing === undefined || standing.jailedUntil === 0) return undefined
    tell(request, 'jailed', mode, true, client, standing)
    if (mode !== 'enforce') return undefined
    const seconds = Math.max(1, Math.ceil((standing.jailedUntil - (options.now ?? Date.now)()) / 1000))
    return { deny: refusals.jailed, headers: [['retry-after', String(seconds)]] }
  }

  const policy: Policy = {
    name: 'inspect',
    evaluate(request) {
      const mode = modeOf(request.path)
      if (mode === 'monitor') return beforeBody(request)
      const client = hash(clientOf(request))
      const standing = keeper.read(client)
      if (standing instanceof Promise)
        return standing.then((known) => jailed(request, mode, client, known) ?? beforeBody(request))
      return jailed(request, mode, client, standing) ?? beforeBody(request)
    },
    inspect(request) {
      const { body } = request
      if (body === undefined || body === null) return undefined
      for (const trap of traps) {
        const value =
          typeof body === 'object' && Object.hasOwn(body, trap) ? (body as Record<string, unknown>)[trap] : undefined
        if (value !== undefined && value !== null && value !== '') return suspect(request, 'honeypot-field')
      }
      const budget = fresh()
      const found = scanBody(body, fields, budget)
      if (found) return suspect(request, 'attack', found)
      if (budget.exceeded) return overBudget(request)
      if (engine === undefined) return undefined
      const second = runEngine(engine, request)
      return second && suspect(request, 'engine', second)
    },
    settle({ request, status }) {
      if ((status === 401 || status === 403 || status === 422) && request.method === 'POST' && isLogin(request.path)) {
        const told = suspect(request, 'login-failure')
        if (told instanceof Promise) told.catch(() => undefined)
      }
    },
    traits: { before: ['validate'] },
  }
  const operator: Pick<InspectPolicy, 'forgive' | 'standing'> = {
    async forgive(client) {
      await keeper.forgive(hash(client))
    },
    async standing(client) {
      const known = await keeper.read(hash(client))
      if (known === unknownStanding)
        throw new SecurityError('ERR_SHOP_SECURITY_SCORES', 'standing(): the store of scores did not answer.')
      return { score: known?.score ?? 0, jailed: (known?.jailedUntil ?? 0) > 0 }
    },
  }
  // not enumerable: a policy has the members of the contract, and protect() refuses any other
  return Object.defineProperties(policy, {
    forgive: { value: operator.forgive },
    standing: { value: operator.standing },
  }) as InspectPolicy
}

const known = [
  'mode',
  'fields',
  'schema',
  'headers',
  'honeypotPaths',
  'honeypotFields',
  'loginPaths',
  'points',
  'jailAt',
  'jailFor',
  'halfLife',
  'store',
  'storeTimeout',
  'whenStoreFails',
  'clientOf',
  'clientKey',
  'maxCharacters',
  'maxFields',
  'engine',
  'now',
] as const
