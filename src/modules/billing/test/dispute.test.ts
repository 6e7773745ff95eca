import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ctx } from '#kernel/context.ts'
import { queryIn, testCtx } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays } from '#kernel/time.ts'
import { DISPUTE_STATES, daysFrozen, isFrozen } from '../dispute/model.ts'
import { lateFeeFen } from '../dues.ts'
import {
  answerDispute,
  askDispute,
  bindAccount,
  type DisputeReason,
  findBillById,
  findDispute,
  issueReminders,
  listDisputes,
  readDisputeNote,
  runDebitCollect,
  withdrawDispute,
} from '../index.ts'
import { cardOf, type Town, withTown } from './debit-support.ts'

test('while a bill is checked no late fee grows, and never less than it would have without the days of the check', () => {
  const rules = [{ validFrom: '0001-01-01', rule: { grace_days: 0, rate_per_day_e6: 500 } }]
  fc.assert(
    fc.property(
      fc.constantFrom(...DISPUTE_STATES),
      fc.integer({ min: -10, max: 40 }),
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 90 }),
      (state, asked, took, late) => {
        const dueOn = '2026-01-01'
        const [askedOn, day] = [addDays(dueOn, asked), addDays(dueOn, late)]
        const decidedOn = state === 'open' ? null : addDays(askedOn, took)
        const frozen = daysFrozen({ state, amountFen: 10_000, askedOn, decidedOn })
        const fee = lateFeeFen(10_000, dueOn, day, rules, frozen)
        // Counted day by day, as a clerk would.
        let days = 0
        for (let d = addDays(dueOn, 1); d <= day; d = addDays(d, 1)) {
          const isIn = state === 'kept' ? d >= askedOn && d <= decidedOn! : state !== 'withdrawn' && d >= askedOn
          if (!isIn) days++
        }
        assert.equal(fee, days * 5)
      },
    ),
  )
  const at = { amountFen: 100, askedOn: '2026-01-01', decidedOn: '2026-01-02' }
  assert.ok(isFrozen({ ...at, state: 'open', decidedOn: null }, { amountFen: 90 }))
  assert.ok(isFrozen({ ...at, state: 'upheld' }, { amountFen: 100 }), 'until it is corrected')
  assert.ok(!isFrozen({ ...at, state: 'upheld' }, { amountFen: 90 }))
  assert.ok(!isFrozen({ ...at, state: 'kept' }, { amountFen: 100 }))
})

const staff = (town: Town, n: number, ...permissions: string[]): Ctx =>
  testCtx(town.kernel, { kind: 'staff', id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) })
const ask = (ctx: Ctx, billId: string, reason: DisputeReason = 'amount', note?: string) =>
  askDispute(ctx, { billId, reason, note, idempotencyKey: newCode(ctx.kernel.random) })
const codeOf = (result: { ok: boolean; error?: { code: string } }) => (result.ok ? 'ok' : result.error?.code)

test('a bill asked about is neither debited nor reminded of, until the answer; then the day goes on as ever', { timeout: 120_000 }, () =>
  withTown(async town => {
    const mother = await town.resident(1)
    const { accountId, billId } = await town.bill(10_000, -30)
    await bindAccount(mother, `resident:${mother.actor.id}`, accountId, 'owner', null)
    await town.on(mother, accountId, cardOf(1))
    const feeOf = async () => (await findBillById(town.ctx, billId))!.lateFeeFen
    const fee = await feeOf()
    assert.ok(fee > 0, 'late already')
    unwrap(await ask(mother, billId, 'reading', '表上是 1234\u0000'))
    const boss = staff(town, 9, 'billing.dispute.answer', 'billing.bill.read')
    const listed = unwrap(await listDisputes(boss, 1))
    assert.deepEqual(
      listed.disputes.map(d => [d.billId, d.reason, readDisputeNote(boss, d)]),
      [[billId, 'reading', '表上是 1234']],
    )
    assert.equal(listed.total, 1)
    await town.goTo(1, 9)
    assert.deepEqual(await town.items(), [], 'not handed to the bank')
    await town.goTo(5, 9)
    assert.ok((await feeOf()) <= fee, 'nothing was added')
    const before = (await town.told(mother)).length
    await issueReminders(town.kernel, 1)
    assert.equal((await town.told(mother)).length, before, 'nobody reminds')
    unwrap(await answerDispute(boss, { billId, isUpheld: false, answer: '表已复核，读数无误。' }))
    assert.match((await town.told(mother)).at(-1)!, /水费账单（100\.00元）核对无误/)
    assert.equal(codeOf(await answerDispute(boss, { billId, isUpheld: true, answer: '又改主意' })), 'billing.dispute_answered')
    assert.equal(codeOf(await ask(mother, billId)), 'billing.dispute_exists', 'once a bill')
    await town.goTo(2, 7)
    assert.ok((await feeOf()) > fee, 'the days after the answer count')
    assert.equal(await runDebitCollect(town.kernel, 1), 0, 'collected by then')
    assert.deepEqual(
      (await town.items()).map(item => item.outcome),
      ['waiting'],
    )
    assert.deepEqual(await town.faults(), [])
  }),
)

test('a bill found wrong stays as it is until the biller corrects it, and owes no late fee for it', { timeout: 120_000 }, () =>
  withTown(async town => {
    const mother = await town.resident(1)
    const { accountId, billId } = await town.bill(10_000, -20)
    await town.on(mother, accountId, cardOf(1))
    unwrap(await ask(mother, billId))
    const fee = (await findBillById(town.ctx, billId))!.lateFeeFen
    const boss = staff(town, 9, 'billing.dispute.answer')
    unwrap(await answerDispute(boss, { billId, isUpheld: true, answer: '多算了一档，会更正。' }))
    await town.goTo(6, 9)
    assert.deepEqual(await town.items(), [])
    const seen = (await findBillById(town.ctx, billId))!
    assert.ok(fee > 0 && seen.lateFeeFen <= fee, `${fee} ${seen.lateFeeFen}`)
    await queryIn(town.kernel, 'update billing.bill set amount_fen = 8000 where id = $1', [billId])
    await town.goTo(1, 9)
    assert.deepEqual(
      (await town.items()).map(item => [item.outcome, item.amount - seen.lateFeeFen < 8_001]),
      [['debited', true]],
    )
    assert.deepEqual(await town.faults(), [])
  }),
)

test('who may ask, answer and take back; what is over cannot be asked about; two at once are one', { timeout: 120_000 }, () =>
  withTown(async town => {
    const [mother, stranger] = [await town.resident(1), await town.resident(2)]
    const { billId } = await town.bill(10_000, 9)
    const clerk = staff(town, 1, 'billing.dispute.ask', 'billing.dispute.answer')
    const boss = staff(town, 2, 'billing.dispute.answer')
    assert.equal(codeOf(await ask(testCtx(town.kernel, { kind: 'anonymous' }), billId)), 'access.sign_in_first')
    assert.equal(codeOf(await ask(staff(town, 3, 'billing.bill.read'), billId)), 'access.denied')
    assert.equal(codeOf(await answerDispute(clerk, { billId, isUpheld: true, answer: 'x' })), 'billing.dispute_not_found')
    const both = await Promise.all([ask(mother, billId), ask(stranger, billId)])
    assert.deepEqual(both.map(codeOf).sort(), ['billing.dispute_exists', 'ok'])
    const [asker, other] = both[0]!.ok ? [mother, stranger] : [stranger, mother]
    assert.equal(codeOf(await withdrawDispute(other, billId)), 'billing.dispute_not_found')
    assert.equal(codeOf(await withdrawDispute(clerk, billId)), 'billing.dispute_not_found', 'a resident takes their own back')
    assert.equal(readDisputeNote(other, (await findDispute(other, billId))!), undefined)
    const elsewhere = { ...boss, actor: { ...boss.actor, biller: { id: 'gas', accountId: 1 } } }
    assert.equal(codeOf(await answerDispute(elsewhere, { billId, isUpheld: true, answer: 'x' })), 'billing.dispute_not_found')
    assert.equal(unwrap(await listDisputes(elsewhere, 1)).total, 0)
    assert.equal(codeOf(await answerDispute(boss, { billId, isUpheld: true, answer: ' \0 ' })), 'billing.answer_missing')
    unwrap(await withdrawDispute(asker, billId))
    assert.equal(await findDispute(asker, billId), undefined)
    // Written down at the window by one, answered by another.
    unwrap(await ask(clerk, billId, 'not_mine'))
    assert.equal(codeOf(await answerDispute(clerk, { billId, isUpheld: true, answer: 'x' })), 'billing.dispute_own')
    const answers = [true, false].map(isUpheld => answerDispute(boss, { billId, isUpheld, answer: '查过了' }))
    assert.deepEqual((await Promise.all(answers)).map(codeOf).sort(), ['billing.dispute_answered', 'ok'])
    const settled = await town.bill(10_000, 9)
    await queryIn(town.kernel, 'update billing.bill set settled_before = true where id = $1', [settled.billId])
    assert.equal(codeOf(await ask(mother, settled.billId)), 'billing.dispute_over')
    const task = await queryIn(
      town.kernel,
      `select count(*) filter (where done_at is null)::int as open, count(*)::int as all from tasks.task`,
    )
    assert.deepEqual(task.rows, [{ open: 0, all: 2 }], 'each check has a clock, and each clock ended')
  }),
)
