import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { registerPerson } from '#modules/identity/index.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { listMessages } from '#modules/notify/index.ts'
import { issueReminders } from '../index.ts'
import { reminderOf } from '../model.ts'
import { openOrder } from '../service/pay.ts'
import * as store from '../store.ts'

test('a bill is spoken of once when it comes, once before it is due and three times after, never twice the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -10, max: 100 }), (term, from) => {
      const issuedOn = '2026-10-01'
      const dueOn = addDays(issuedOn, term)
      const said: string[] = []
      for (let n = from; n < 120; n++) {
        const reminder = reminderOf({ issuedOn, dueOn }, addDays(issuedOn, n))
        const key = reminder && `${reminder.kind}:${reminder.step}`
        if (key && said.at(-1) !== key) said.push(key)
      }
      assert.equal(new Set(said).size, said.length)
      assert.ok(said.length <= 5)
      const order = ['bill_due:0', 'bill_due_soon:0', 'bill_overdue:1', 'bill_overdue:15', 'bill_overdue:30']
      assert.deepEqual(
        said,
        order.filter(key => said.includes(key)),
      )
      assert.ok(said.includes('bill_overdue:30'))
    }),
  )
})

const config = {
  account: { pattern: '^1', check: 'none', length: 10, example: '1' },
  late_fee: { grace_days: 0, rate_per_day_e6: 500 },
  partial_payment: 'none',
  posting_window_min: 60,
  cycle_months: 2,
  mappings: {},
}

async function makeBill(ctx: Ctx, dueOn: string): Promise<{ billId: string; accountId: string }> {
  const [billId, accountId] = [makeId(ctx), makeId(ctx)]
  const now = ctx.kernel.clock.now()
  await ctx.kernel.db.tx(1, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
    const names = { nameZh: '水', nameEn: 'Water', serviceZh: '水费', serviceEn: 'Water' }
    await store.upsertBiller(tx, 1, { id: 'water', ...names, unit: 'm3', payableAccountId, isOnline: true, config: config as never }, now)
    await tx.run(sql`
      insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
      values (1, ${accountId}, 'water', ${`10${accountId.slice(-8)}`}, '王**', '一村', false, ${now})`)
    await tx.run(sql`
      insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
      values (1, ${billId}, ${newCode(ctx.kernel.random)}, 'water', ${accountId}, ${`W${billId.slice(-8)}`}, '2026-09', '2026-10', 5000, ${dueOn}, '[]', ${now})`)
  })
  return { billId, accountId }
}

test('a resident is reminded of what is open on the accounts they keep: once, in words, never of what is being paid', () =>
  withTestDb(async base => {
    const clock = manualClock(addMs(startOfDay('2026-11-01'), 9 * 3_600_000))
    const kernel = { ...base, clock }
    const ctx = systemCtx(kernel, 1, 'test')
    const { id: personId } = unwrap(await registerPerson(ctx, { name: '王小明', phone: '13700001234' }))
    const [kept, paying, foreign] = [
      await makeBill(ctx, '2026-11-20'),
      await makeBill(ctx, '2026-11-20'),
      await makeBill(ctx, '2026-11-20'),
    ]
    for (const { accountId } of [kept, paying])
      await kernel.db.tx(1, tx =>
        store.upsertBinding(
          tx,
          1,
          { payer: `resident:${personId}`, accountId, relation: 'owner', nickname: null, sharedBy: null },
          clock.now(),
        ),
      )
    await kernel.db.tx(1, async tx => {
      const items = [{ billId: paying.billId, amountFen: 5_000, lateFeeFen: 0 }]
      unwrap(await openOrder(tx, ctx, items, { payer: 'browser:x', place: 'phone' }))
    })
    const said = async () => {
      const listed = await listMessages(ctx, { personId })
      assert.ok(listed.ok)
      return listed.value.map(message => message.text)
    }
    assert.equal(await issueReminders(kernel, 1), 1)
    await issueReminders(kernel, 1)
    assert.deepEqual(await said(), [`水费账单已出：2026年9–10月，应缴50.00元，11月20日前缴清。户号尾号${kept.accountId.slice(-4)}。`])
    const speak = async (day: string) => {
      clock.set(addMs(startOfDay(day), 9 * 3_600_000))
      await issueReminders(kernel, 1)
      return (await said())[0]
    }
    assert.equal(await speak('2026-11-18'), '水费账单还有2天到期，应缴50.00元，逾期会有违约金。')
    assert.equal(await speak('2026-11-25'), '水费欠费50.13元，已逾期5天，含违约金0.13元。有困难可到服务大厅咨询。')
    assert.equal((await said()).length, 3)
    assert.ok(!(await said()).some(text => text.includes(foreign.accountId.slice(-4))))
  }))
