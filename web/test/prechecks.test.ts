import assert from 'node:assert/strict'
import { test } from 'node:test'
import { t } from '#web/ui/messages.ts'
import { type PrecheckFacts, precheck } from '../../src/modules/billing/model.ts'
import { checkView } from '../resident/routes/views.ts'

const PLAIN: PrecheckFacts = {
  amountFen: 9_000,
  lateFeeFen: 0,
  dueOn: '2026-11-30',
  today: '2026-11-10',
  isSettledBefore: false,
  isWithdrawn: false,
  isAccountClosed: false,
  isBillerOnline: true,
  asOf: new Date('2026-11-10T02:00:00Z'),
  olderOpen: 0,
  takesOldestFirst: true,
  history: [9_000, 9_100, 8_900, 9_000],
}

const CASES: readonly Partial<PrecheckFacts>[] = [
  {},
  { claim: { state: 'paid', mine: false, minutesLeft: 0 } },
  { claim: { state: 'open', mine: false, minutesLeft: 7 } },
  { claim: { state: 'open', mine: true, minutesLeft: 7 } },
  { claim: { state: 'open', mine: false, minutesLeft: 7, isOdd: true } },
  { dispute: 'open' },
  { dispute: 'upheld' },
  { isSettledBefore: true },
  { isWithdrawn: true },
  { isAccountClosed: true },
  { isBillerOnline: false },
  { olderOpen: 2 },
  { lateFeeFen: 120, dueOn: '2026-10-01' },
  { today: '2026-11-29' },
  { amountFen: 30_000 },
]

test('whatever the pre-check finds has its words in both languages, with every figure they name', () => {
  const biller = { nameZh: '自来水公司', nameEn: 'The water company' }
  const state = { biller, bill: { asOf: PLAIN.asOf }, parts: [], claim: { paidAt: PLAIN.asOf } } as unknown as Parameters<
    typeof checkView
  >[1]
  const met = new Set<string>()
  for (const facts of CASES)
    for (const check of precheck({ ...PLAIN, ...facts })) {
      met.add(check.key)
      for (const lang of ['zh-CN', 'en'] as const) {
        const view = checkView(lang, state, check)
        if (view) assert.ok(t(lang)(`precheck.${view.key}`, view.params).length > 3)
      }
    }
  const never = [
    'account_ok',
    'amount_high',
    'biller_ok',
    'closed',
    'correcting',
    'disputed',
    'due_soon',
    'late_fee',
    'offline',
    'older_open',
    'paid',
    'paying',
    'paying_here',
    'paying_odd',
    'unpaid',
    'withdrawn',
  ].filter(key => !met.has(key))
  assert.deepEqual(never, [])
})
