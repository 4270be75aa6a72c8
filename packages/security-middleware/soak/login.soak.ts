import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'

import { progress } from '@shop/testkit/bench'
import { judge, type TimingVerdict } from '@shop/testkit/dudect'

// What somebody on the same machine learns of a login by its time: a process of its own asks over loopback for a user who
// is there and one who is not, in random order. The bare login is the control that the same test must catch.
const samples = Number(process.env['SOAK_SAMPLES'] ?? 100_000)
const deadline = 5
const limit = 4.5
const names = ['ada', 'bob'] as const

const child = fork(new URL('login-server.ts', import.meta.url), [String(deadline)], {
  execArgv: ['--disable-warning=ExperimentalWarning'],
})
const [port] = (await once(child, 'message')) as [number]
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

/** One wrong login; what came back, and after how many nanoseconds the last byte was there. */
async function attempt(path: string, user: string): Promise<{ answer: string; took: number }> {
  const body = JSON.stringify({ user, password: 'wrong' })
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const start = process.hrtime.bigint()
  const request = http.request({ host: '127.0.0.1', port, path, method: 'POST', headers, agent }).end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const answer = await text(response)
  return { answer: `${response.statusCode} ${answer}`, took: Number(process.hrtime.bigint() - start) }
}

async function attack(path: string, count: number): Promise<TimingVerdict & { answers: number }> {
  const shown = progress(`logins at ${path}`, count)
  const times: [number[], number[]] = [[], []]
  const answers = new Set<string>()
  for (let i = -500; i < count; i++) {
    const input = Math.random() < 0.5 ? 0 : 1
    const { answer, took } = await attempt(path, names[input])
    answers.add(answer)
    if (i < 0) continue
    times[input].push(took)
    shown.tick()
  }
  shown.done()
  return { ...judge(times), answers: answers.size }
}

/** On a busy machine an attack is repeated: a leak is there every time, a neighbour is not. */
async function report(name: string, path: string, leaks: boolean, count: number): Promise<boolean> {
  let verdict = await attack(path, count)
  for (let again = 1; again < 3 && verdict.t < limit === leaks; again++) verdict = await attack(path, count)
  const holds = verdict.t < limit !== leaks && verdict.answers === (leaks ? 2 : 1)
  const [known, unknown] = verdict.means.map((mean) => (mean / 1000).toFixed(0))
  console.log(
    `${name}  ${count} logins  |t| ${verdict.t.toFixed(2)}  ${leaks ? '> 4.5' : '< 4.5'}  means ${known} and ${unknown} us  different answers ${verdict.answers}  ${holds ? 'ok' : 'VIOLATED'}`,
  )
  return holds
}

const caught = await report('control: the bare login', '/bare', true, Math.ceil(samples / 20))
const hidden = await report(`timingAttackProtection, ${deadline} ms`, '/login', false, samples)
agent.destroy()
child.disconnect()
process.exit(caught && hidden ? 0 : 1)
