import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { queryIn, type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { seededRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { checkLedger, ensureAccount, listBalances } from '#modules/ledger/index.ts'
import {
  checkBank,
  checkPayments,
  decideBreak,
  ensureBankAccount,
  reconcileStatement,
  recordPaid,
  runPayouts,
  StatementRefused,
  takeBankFile,
  viewBank,
  viewReconciliation,
} from '#modules/payments/index.ts'
import { wechatStatement } from '../../../../test/support/statement.ts'
import { renderBankFile } from '../../payments/settle/layout.ts'
import { openOrders } from '../../payments/test/support.ts'
import { checkRemits, checkSettlements, listOwed, runRemits, runSettlements } from '../index.ts'
import { paidBy } from '../remit/service.ts'
import * as store from '../store.ts'
import { waterConfig } from './import-support.ts'

const DAY = '2026-11-20'
const NOON = 12 * 3_600_000
const MCHID = '1900000109'
const at = (n: number, ms = NOON): Date => addMs(startOfDay(addDays(DAY, n)), ms)
const digits = (n: number): string => addDays(DAY, n).replaceAll('-', '')

interface Move {
  readonly serial: string
  readonly fen: number
  readonly purpose: string
}

const arrival = (n: number, fen: number, serial = `A${n}`): Move => ({ serial, fen, purpose: `SETTLE wechat ${MCHID} ${digits(n)}` })
const remittance = (n: number, fen: number, serial = `R${n}`): Move => ({ serial, fen: -fen, purpose: `REMIT water ${digits(n)}` })

/** The bank's file of the n-th day. */
function bankFile(n: number, moves: readonly Move[]): Buffer {
  let balanceFen = 100_000
  const rows = moves.map(({ serial, fen, purpose }) => {
    balanceFen += fen
    return { serial, at: at(n), amountFen: fen, balanceFen, purpose }
  })
  return renderBankFile({ bank: 'icb', day: addDays(DAY, n), openingFen: 100_000, rows })
}

/** A tenant with three days of payments, and the channel's statements of them; all of it happened, nothing is compared yet. */
async function livedThrough(kernel: TestKernel, tenantId: number, clock: ReturnType<typeof manualClock>) {
  const ctx = systemCtx(kernel, tenantId, 'test')
  clock.set(at(0, NOON / 2))
  await ensureBankAccount(ctx, 'icb', 'bank')
  await kernel.db.tx(tenantId, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
    const names = { nameZh: '水', nameEn: 'Water', serviceZh: '水费', serviceEn: 'Water' }
    await store.upsertBiller(
      tx,
      tenantId,
      { id: 'water', ...names, unit: 'm3', payableAccountId, isOnline: true, config: waterConfig },
      at(0),
    )
  })
  const statements: Buffer[] = []
  const grosses: number[] = []
  for (const n of [0, 1, 2]) {
    const stated = []
    for (const [i, { attempts, amountFen }] of (await openOrders(ctx, n + 2)).entries()) {
      const txnNo = `42${n}${i}`
      await recordPaid(ctx, { attemptId: attempts[0]!, txnNo, amountFen, paidAt: at(n) })
      stated.push({ txnNo, outTradeNo: 'x', amountFen })
    }
    statements.push(wechatStatement(addDays(DAY, n), stated))
    grosses.push(stated.reduce((sum, s) => sum + s.amountFen, 0))
  }
  // Each row's fee is 0.6% and rounded by the channel for itself.
  const nets = grosses.map(gross => gross - Math.round(gross * 0.006))
  const compare = async (n: number) =>
    unwrap(
      await reconcileStatement(ctx, {
        channel: 'wechat',
        day: addDays(DAY, n),
        file: { name: `${n}.csv`, pieces: () => [statements[n]!] },
      }),
    )
  const take = (n: number, moves: readonly Move[]) => takeBankFile(ctx, { name: `${n}.txt`, bytes: bankFile(n, moves) })
  const work = async () => {
    await runPayouts(kernel, tenantId)
    await runSettlements(kernel, tenantId)
    await runRemits(kernel, tenantId)
  }
  return { ctx, grosses, nets, compare, take, work }
}

const balancesOf = async ({ kernel, tenantId }: Ctx) =>
  Object.fromEntries((await kernel.db.read(tenantId, tx => listBalances(tx, tenantId))).map(row => [row.code, row.amount]))
const openOf = async (ctx: Ctx) =>
  unwrap(await viewReconciliation(ctx, DAY, addDays(DAY, 30))).open.map(b => `${b.class} ${b.severity} ${b.channel} ${b.day}`)
const broken = async ({ kernel, tenantId: t }: Ctx) =>
  [
    ...(await checkLedger(kernel.db, t)),
    ...(await checkPayments(kernel.db, t)),
    ...(await checkBank(kernel.db, t)),
    ...(await checkSettlements(kernel.db, t)),
    ...(await checkRemits(kernel.db, t)),
  ].filter(c => c.ok === false)

const world = (work: (kernel: TestKernel, clock: ReturnType<typeof manualClock>) => Promise<void>) => {
  const clock = manualClock(at(0))
  return withTestDb(kernel => work(kernel, clock), { clock })
}

test('channels pay out, billers are paid: the clearing account is empty, the fee is a cost, each fen stands somewhere', () =>
  world(async (kernel, clock) => {
    const { ctx, grosses, nets, compare, take, work } = await livedThrough(kernel, 1, clock)
    clock.set(at(3))
    for (const n of [0, 1, 2]) await compare(n)
    unwrap(await take(1, [arrival(0, nets[0]!)]))
    // A fen less than the sum of fees says: within what rounding two rows and more may leave.
    unwrap(await take(2, [arrival(1, nets[1]! - 1), remittance(0, grosses[0]!)]))
    unwrap(await take(3, [arrival(2, nets[2]!)]))
    await work()
    const balances = await balancesOf(ctx)
    const [total, fees] = [grosses.reduce((a, b) => a + b), grosses.reduce((sum, gross) => sum + Math.round(gross * 0.006), 0)]
    assert.deepEqual(
      {
        clearing: balances[`1012:wechat:${MCHID}`],
        bank: balances['1002:icb'],
        fees: balances['6602:channel'],
        rounding: balances['6603:channel'],
        owed: balances['2202:water'],
      },
      { clearing: 0, bank: total - fees - 1 - grosses[0]!, fees, rounding: 1, owed: grosses[0]! - total },
    )
    assert.deepEqual(await openOf(ctx), [])
    assert.deepEqual(await broken(ctx), [])
    const owed = unwrap(await listOwed(ctx))
    assert.deepEqual(owed, [{ billerId: 'water', days: 2, from: addDays(DAY, 1), to: addDays(DAY, 2), netFen: total - grosses[0]! }])
    await queryIn(kernel, `update payments.bank_move set booked_at = null where serial = 'A2'`)
    assert.deepEqual(
      (await broken(ctx)).map(check => check.id),
      ['B1', 'B2'],
      'the doctor sees a movement that lost its booking',
    )
  }))

test('whatever the order, and however often each file comes, the books are the same', { timeout: 170_000 }, () =>
  world(async (kernel, clock) => {
    const outcomes = new Set<string>()
    let tenantId = 1
    const settled = async (order: readonly number[]) => {
      const t = tenantId++
      const { ctx, grosses, nets, compare, take, work } = await livedThrough(kernel, t, clock)
      clock.set(at(3))
      const acts = [
        () => compare(0),
        () => compare(1),
        () => compare(2),
        () => take(1, [arrival(0, nets[0]!)]),
        () => take(2, [arrival(1, nets[1]!), remittance(0, grosses[0]!)]),
        // Told again in another day's file, beside what is new.
        () => take(3, [arrival(1, nets[1]!), arrival(2, nets[2]!), remittance(1, grosses[1]!)]).catch(refused => refused),
        () => take(3, [arrival(2, nets[2]!), remittance(1, grosses[1]!)]),
      ]
      for (const i of order) {
        await acts[i]!()
        await work()
      }
      assert.deepEqual(await openOf(ctx), [])
      assert.deepEqual(await broken(ctx), [])
      outcomes.add(JSON.stringify(await balancesOf(ctx)))
    }
    const usual = [0, 1, 2, 3, 4, 6]
    await settled(usual)
    const random = seededRandom(7)
    for (let run = 0; run < 14; run++) {
      const order = [...usual, ...usual.filter(() => random.float() < 0.5)]
      for (let i = order.length - 1; i > 0; i--) {
        const j = random.int(i + 1)
        ;[order[i], order[j]] = [order[j]!, order[i]!]
      }
      await settled(order)
    }
    assert.equal(outcomes.size, 1)
  }),
)

test('a wrong payout is grave and stops the remittance of its day; a decision or the right money lets it go', () =>
  world(async (kernel, clock) => {
    const { ctx, grosses, nets, compare, take, work } = await livedThrough(kernel, 1, clock)
    clock.set(at(3))
    for (const n of [0, 1, 2]) await compare(n)
    await work()
    unwrap(await take(1, [arrival(0, nets[0]! - 500), arrival(1, nets[1]!), arrival(2, nets[2]!)]))
    await work()
    assert.deepEqual(await openOf(ctx), [`settle_diff 1 wechat ${DAY}`])
    unwrap(await take(2, [remittance(0, grosses[0]!), remittance(1, grosses[1]!)]))
    await work()
    const booked = async () =>
      (await queryIn(kernel, `select serial from payments.bank_move where kind = 'remit' and booked_at is not null order by 1`)).rows.map(
        r => r.serial,
      )
    assert.deepEqual(await booked(), ['R1'], 'the day in doubt waits')
    const people = [1, 2].map(() =>
      testCtx(kernel, { id: makeId(ctx), permissions: new Set(['payments.reconcile.read', 'payments.reconcile.decide']) }),
    )
    const [b] = unwrap(await viewReconciliation(ctx, DAY, DAY)).open
    for (const person of people) unwrap(await decideBreak(person, { breakId: b!.id, reason: 'other', note: '渠道扣了罚款' }))
    await work()
    assert.deepEqual(await booked(), ['R0', 'R1'])
    assert.deepEqual(await broken(ctx), [])
  }))

test('money nobody can name, a day paid twice, a remittance of another amount and an overdue payout are each told', () =>
  world(async (kernel, clock) => {
    const { ctx, grosses, nets, compare, take, work } = await livedThrough(kernel, 1, clock)
    clock.set(at(3))
    for (const n of [0, 1, 2]) await compare(n)
    await work()
    unwrap(
      await take(1, [
        arrival(0, nets[0]!),
        arrival(0, nets[0]!, 'A0-again'),
        remittance(0, grosses[0]! - 1),
        { serial: 'X', fen: 77, purpose: '利息' },
      ]),
    )
    await work()
    assert.deepEqual((await openOf(ctx)).sort(), [
      `bank_only 2 bank:icb ${addDays(DAY, 1)}`,
      `settle_diff 1 biller:water ${DAY}`,
      `settle_diff 1 wechat ${DAY}`,
    ])
    clock.set(at(8))
    unwrap(await take(8, [{ serial: 'Y', fen: 1, purpose: 'SETTLE wechat nobody 20261120' }]))
    await work()
    assert.deepEqual(
      (await openOf(ctx)).filter(line => line.includes('wechat') && !line.endsWith(DAY)).sort(),
      [1, 2].map(n => `settle_diff 1 wechat ${addDays(DAY, n)}`),
    )
    assert.deepEqual(await broken(ctx), [])
  }))

test('a number that was another movement before, and a bank nobody knows, are refused and change nothing', () =>
  world(async (kernel, clock) => {
    const { ctx, nets, take } = await livedThrough(kernel, 1, clock)
    unwrap(await take(1, [arrival(0, nets[0]!)]))
    await assert.rejects(take(2, [arrival(1, nets[1]!), arrival(0, 1)]), StatementRefused)
    assert.equal((await queryIn(kernel, 'select from payments.bank_move')).rowCount, 1)
    const bytes = renderBankFile({ bank: 'other', day: DAY, openingFen: 0, rows: [] })
    const unknown = await takeBankFile(ctx, { name: 'x', bytes })
    assert.equal(!unknown.ok && unknown.error.code, 'payments.bank_unknown')
    for (const denied of [
      await takeBankFile(testCtx(kernel), { name: 'x', bytes: bankFile(1, []) }),
      await viewBank(testCtx(kernel), DAY, DAY),
      await listOwed(testCtx(kernel)),
    ])
      assert.equal(!denied.ok && denied.error.code, 'access.denied')
  }))

test('what goes back after its day was paid out comes off the next remittance', () => {
  const owed = [
    { day: '2026-11-01', netFen: -300 },
    { day: '2026-11-02', netFen: 1_000 },
  ]
  assert.equal(paidBy(owed, '2026-11-02', 700)?.length, 2)
  assert.equal(paidBy(owed, '2026-11-02', 1_000)?.length, 1)
  assert.equal(paidBy(owed, '2026-11-02', 701), undefined)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -500, max: 500 }), { minLength: 1, maxLength: 6 }), nets => {
      const days = nets.map((netFen, i) => ({ day: `2026-11-0${i + 1}`, netFen }))
      const sum = nets.reduce((a, b) => a + b, 0)
      const paid = paidBy(days, days.at(-1)!.day, sum)!
      assert.equal(
        paid.reduce((total, one) => total + one.netFen, 0),
        sum,
      )
    }),
  )
})
