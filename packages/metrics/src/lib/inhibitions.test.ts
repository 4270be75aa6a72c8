import { alertmanager, describeWith } from '@shop/testkit'
import { describe, expect, it, vi } from 'vitest'

import { alertmanagerConfig, INHIBITIONS } from '../../config/alertmanager.ts'
import { alerts } from '../../config/groups.ts'

const SEVERITIES = ['info', 'warning', 'critical']
const matching = (pattern: string) => alerts.filter(({ name }) => new RegExp(`^(?:${pattern})$`).test(name))

describe('an inhibition', () => {
  it.each(INHIBITIONS.map((rule) => [rule.while, rule] as const))('of %s names alerts there are', (_, rule) => {
    for (const pattern of [rule.while, rule.hides])
      for (const one of pattern.split(/\|(?![^(]*\))/)) expect([one, matching(one).length]).not.toEqual([one, 0])
  })

  it.each(INHIBITIONS.map((rule) => [rule.while, rule] as const))('of %s hides nothing more severe', (_, rule) => {
    const causes = matching(rule.while).map(({ severity }) => SEVERITIES.indexOf(severity))
    for (const { name, severity } of matching(rule.hides))
      expect([name, SEVERITIES.indexOf(severity) <= Math.min(...causes)]).toEqual([name, true])
  })
})

describeWith('alertmanager', 'a real Alertmanager', () => {
  it('is silent about consequences, and only about those of the same job', async () => {
    const shipped = alertmanagerConfig()
    const rules = shipped.slice(shipped.indexOf('inhibit_rules:'), shipped.indexOf('receivers:'))
    await using server = await alertmanager(`route: { receiver: none }\n${rules}receivers: [{ name: none }]\n`)
    const told = async (): Promise<readonly string[]> => {
      const response = await fetch(`${server.url}/api/v2/alerts?active=true&inhibited=false`)
      const found = (await response.json()) as readonly { readonly labels: Readonly<Record<string, string>> }[]
      return found.map(({ labels }) => `${labels['job']} ${labels['alertname']}`).toSorted()
    }
    const fired = (job: string, names: readonly string[]) =>
      names.map((alertname) => ({ labels: { alertname, job, provider: 'stripe', instance: `${job}-1` } }))
    const burning = ['ShopErrorBudgetBurnFast', 'ShopErrorBudgetBurnSteady', 'ShopLatencyBudgetBurnFast']
    const wanted = [
      ...fired('down', ['ShopDown', 'ShopInstanceDown', 'ShopNoTraffic', 'ShopNotificationsFail']),
      ...fired('database', ['ShopDatabaseDown', 'ShopDatabaseErrors', 'ShopCheckoutFailing', 'ShopAuditTampered']),
      ...fired('exhausted', ['ShopDatabasePoolExhausted', 'ShopDatabaseConnectionsFail', 'ShopDatabaseErrors']),
      ...fired('burning', [...burning, 'ShopRouteSlow']),
      ...fired('slow', ['ShopLatencyBudgetBurnFast', 'ShopErrorBudgetBurnSteady', 'ShopRouteSlow']),
      ...fired('held', ['ShopEventLoopBlocked', 'ShopDatabaseConnectionWait', 'ShopDatabaseErrors']),
      ...fired('guessed', ['ShopSigninAttack', 'ShopManyRefusals', 'ShopDecryptionFailing']),
      ...fired('other', ['ShopDatabaseErrors', 'ShopManyRefusals', 'ShopRouteSlow']),
    ]
    await fetch(`${server.url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wanted),
    })
    await vi.waitFor(
      async () =>
        expect(await told()).toEqual(
          [
            ...['down ShopDown', 'down ShopNotificationsFail'],
            ...['database ShopDatabaseDown', 'database ShopAuditTampered'],
            ...['exhausted ShopDatabasePoolExhausted', 'exhausted ShopDatabaseErrors'],
            'burning ShopErrorBudgetBurnFast',
            // errors are never hidden by slowness
            ...['slow ShopLatencyBudgetBurnFast', 'slow ShopErrorBudgetBurnSteady'],
            ...['held ShopEventLoopBlocked', 'held ShopDatabaseErrors'],
            ...['guessed ShopSigninAttack', 'guessed ShopDecryptionFailing'],
            ...['other ShopDatabaseErrors', 'other ShopManyRefusals', 'other ShopRouteSlow'],
          ].toSorted(),
        ),
      20_000,
    )
  }, 40_000)
})
