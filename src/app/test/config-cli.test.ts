import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemCtx } from '#kernel/context.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import {
  askRule,
  askSwitch,
  decideRule,
  decideSwitch,
  findConfigVersion,
  keepConfigVersion,
  listBillers,
  listConfigVersions,
  viewRules,
  viewSwitchover,
} from '#modules/billing/index.ts'
import type { ConfigDocument } from '../config/document.ts'
import { runConfig } from '../config-cli.ts'
import { seedTown } from '../seed/index.ts'

const clock = manualClock('2026-11-05T02:00:00Z')
const RULE = { grace_days: 20, rate_per_day_e6: 300 }
const PLAN = { feature: 'kiosk', areas: ['990101001002'], steps: [{ from: '2026-12-01T01:00:00.000Z', pct: 50 }] } as const

interface Office {
  readonly kernel: TestKernel
  run(argv: string[], declared?: string[]): Promise<{ code: number; printed: string; complained: string }>
}

const office = async (work: (o: Office) => Promise<void>) =>
  withTestDb(base => {
    const kernel = { ...base, clock }
    const run: Office['run'] = async (argv, declared = []) => {
      let [printed, complained] = ['', '']
      const code = await runConfig(kernel, 1, argv, declared, {
        print: text => {
          printed += text
        },
        complain: text => {
          complained += text
        },
      })
      return { code, printed, complained }
    }
    return work({ kernel, run })
  })

const person = (kernel: TestKernel, n: number, ...permissions: string[]) =>
  testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) })

/** A trial town with a rule to come and a plan, both agreed on. */
async function setUp({ kernel }: Office): Promise<void> {
  await seedTown(kernel, 1, { size: 'small', seed: 'config', day: '2026-11-05' })
  const asks = person(kernel, 1, 'billing.rule.ask', 'billing.switchover.ask')
  const agrees = person(kernel, 2, 'billing.rule.agree', 'billing.switchover.agree')
  const rule = unwrap(await askRule(asks, { billerId: 'water', validFrom: '2027-01-01', rule: RULE, note: '新年起' }))
  unwrap(await decideRule(agrees, { id: rule.id, isAgreed: true }))
  const plan = unwrap(await askSwitch(asks, { ...PLAN, budget_e4: 200, triesMin: 50, windowMin: 15, note: '先在一处试' }))
  unwrap(await decideSwitch(agrees, { id: plan.id, isAgreed: true }))
}

test('a configuration goes from one installation to another; what needs two people is asked for there, and then both are equal', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-config-'))
  const file = join(folder, 'town.json')
  try {
    await office(async trial => {
      await setUp(trial)
      assert.equal((await trial.run(['export', file])).code, 0)
      assert.equal((await trial.run(['export'])).printed, readFileSync(file, 'utf8'), 'the same each time')
      assert.match((await trial.run(['import', file, '--dry-run'])).printed, /没有不同 \/ no difference/)
    })
    const document = JSON.parse(readFileSync(file, 'utf8')) as ConfigDocument
    assert.deepEqual([document.billers.length, document.areas.length, document.rules.length, document.switchover.length], [6, 109, 1, 1])
    await office(async real => {
      const { kernel, run } = real
      const tried = await run(['import', file, '--dry-run'])
      assert.match(tried.printed, /会变的[\s\S]*biller water: 新增[\s\S]*rule water 2027-01-01: 待两人同意[\s\S]*switchover kiosk/)
      assert.equal((await listBillers(systemCtx(kernel, 1, 'test'))).length, 0, 'tried only')
      assert.equal((await run(['import', file])).code, 0)
      const seen = unwrap(await viewRules(systemCtx(kernel, 1, 'test')))
      assert.deepEqual(
        seen.rules.map(r => [r.billerId, r.validFrom, r.isAgreed, r.rule]),
        [['water', '2027-01-01', null, RULE]],
      )
      assert.match((await run(['import', file])).printed, /rule water 2027-01-01: 已提出，等人同意/)
      const agrees = person(kernel, 2, 'billing.rule.agree', 'billing.switchover.agree')
      unwrap(await decideRule(agrees, { id: seen.rules[0]!.id, isAgreed: true }))
      const { plans } = unwrap(await viewSwitchover(systemCtx(kernel, 1, 'test')))
      assert.equal(plans.length, 1, 'asked once')
      unwrap(await decideSwitch(agrees, { id: plans[0]!.id, isAgreed: true }))
      assert.equal((await run(['export'])).printed, readFileSync(file, 'utf8'), 'both installations are equal')
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('what a document would change is named by its fields; wrong, late or against what stands it is refused whole', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-config-'))
  const file = join(folder, 'town.json')
  try {
    await office(async o => {
      await setUp(o)
      const { run, kernel } = o
      const before = (await run(['export'])).printed
      const change = async (edit: (d: ConfigDocument) => void, ...more: string[]) => {
        const document = JSON.parse(before) as ConfigDocument
        edit(document)
        writeFileSync(file, JSON.stringify(document))
        return run(['import', file, ...more], ['gas'])
      }
      const water = (d: ConfigDocument) => d.billers.find(b => b.id === 'water')!
      for (const [edit, said] of [
        [(d: ConfigDocument) => Object.assign(d, { format: 'x' }), /format: /],
        [(d: ConfigDocument) => Object.assign(water(d).account, { pattern: '(' }), /billers\.\d+\.account\.pattern: /],
        [
          (d: ConfigDocument) => void Object.assign(d.billers.find(b => b.id === 'gas')!, { zh: '另一个名字' }),
          /biller gas: 不行 \/ cannot be \(settings\.json\)/,
        ],
        [(d: ConfigDocument) => void Object.assign(water(d).tariffs[0]!, { note: '改过的价' }), /biller water: 不行 .*tariff /],
        [
          (d: ConfigDocument) => void Object.assign(d.rules[0]!, { valid_from: '2026-11-05' }),
          /rule water 2026-11-05: 不行 .*its first day is over/,
        ],
        [
          (d: ConfigDocument) => void Object.assign(d.rules[0]!.rule, { grace_days: 1 }),
          /rule water 2027-01-01: 不行 .*another rule is agreed/,
        ],
        [(d: ConfigDocument) => void Object.assign(d.rules[0]!, { biller: 'nobody' }), /rule nobody 2027-01-01: 不行 .*no such biller/],
        [
          (d: ConfigDocument) => void Object.assign(d.switchover[0]!.steps[0]!, { from: '2026-01-01T00:00:00.000Z' }),
          /its first step is over/,
        ],
      ] as const) {
        const refused = await change(edit)
        assert.equal(refused.code, 1, String(said))
        assert.match(refused.complained, said)
      }
      assert.equal((await run(['export'])).printed, before, 'nothing changed')
      assert.deepEqual(unwrap(await listConfigVersions(systemCtx(kernel, 1, 'test'))), [])

      const shown = await change(d => {
        water(d).posting_window_min = 90
        water(d).late_fee.grace_days = 16
        d.addresses = d.addresses.slice(1)
      })
      assert.match(
        shown.printed,
        /biller water: 改动 \/ changed \(posting_window_min\)\n.*rule water 2026-11-06: 待两人同意[\s\S]*only here, left alone: 1/,
      )
      const now = JSON.parse((await run(['export'])).printed) as ConfigDocument
      assert.equal(water(now).posting_window_min, 90)
      assert.notEqual(water(now).late_fee.grace_days, 16, 'until somebody agrees')
      assert.match((await run(['versions'])).printed, /^2 {2}2026-11-05 .*\n1 {2}2026-11-05 /)
      assert.equal((await run(['export', '--version', '1'])).printed, before)
      const back = await run(['import', '--version', '1', '--json'])
      assert.deepEqual(JSON.parse(back.printed).changes[0], {
        kind: 'biller',
        key: 'water',
        what: 'changed',
        about: ['posting_window_min'],
      })
      assert.equal((await run(['export'])).printed, before)
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('wrong use is answered in both languages; versions are for who may register billers, and of another tenant nobody sees any', () =>
  office(async ({ kernel, run }) => {
    for (const argv of [[], ['x'], ['import'], ['import', '/none'], ['export', '--version', 'x'], ['import', '--version', '1', 'a']]) {
      const { code, complained } = await run(argv)
      assert.equal(code, 2)
      assert.match(complained, /yimen config export/)
    }
    assert.equal((await run(['export', '--version', '7'])).code, 1)
    assert.match((await run(['import', '--version', '7'])).complained, /没有第7版/)
    const nobody = testCtx(kernel)
    for (const refused of [await keepConfigVersion(nobody, '{}'), await listConfigVersions(nobody), await findConfigVersion(nobody, 1)])
      assert.equal(!refused.ok && refused.error.code, 'access.denied')
    const own = systemCtx(kernel, 1, 'test')
    assert.equal(unwrap(await keepConfigVersion(own, '{}'))?.no, 1)
    assert.equal(unwrap(await keepConfigVersion(own, '{}')), undefined)
    const both = await Promise.all(['a', 'b', 'c'].map(text => keepConfigVersion(own, text)))
    assert.deepEqual(both.map(kept => unwrap(kept)?.no).sort(), [2, 3, 4])
    assert.deepEqual(unwrap(await listConfigVersions({ ...own, tenantId: 2 })), [])
  }))
