import assert from 'node:assert/strict'
import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { newCode, newId } from '#kernel/id.ts'
import { type Random, seededRandom } from '#kernel/random.ts'
import { addDays, addMs, dayOf, manualClock, startOfDay } from '#kernel/time.ts'
import {
  askCashVoid,
  checkChecks,
  checkRemits,
  checkSettlements,
  decideCashVoid,
  getBill,
  listBillers,
  type Month,
  payBills,
  payInCash,
  runChecks,
  runOffline,
  runPostings,
  runRemits,
  runSettlements,
  undoPayment,
  uploadOffline,
  usePort,
  viewMonth,
} from '#modules/billing/index.ts'
import { checkLedger, listBalances } from '#modules/ledger/index.ts'
import {
  checkBank,
  checkPayments,
  closeDrawer,
  DENOMINATIONS_FEN,
  decideRefund,
  ensureBankAccount,
  ensureMerchant,
  findOrderByCode,
  findRefundOffer,
  openDrawer,
  orderStateOf,
  payOutCash,
  receiveNotification,
  reconcileStatement,
  requestRefund,
  runClose,
  runJanitor,
  runPayouts,
  runRefunds,
  StatementRefused,
  startAttempt,
  useChannel,
  viewDrawer,
  viewReconciliation,
} from '#modules/payments/index.ts'
import { seedTown } from '../../src/app/seed/index.ts'
import { readWechatStatement, renderWechatStatement, type WechatRow } from '../../src/modules/payments/adapters/wechat/statement.ts'
import { StatementUnavailable } from '../../src/modules/payments/ports.ts'
import { wechatRow } from '../support/statement.ts'
import { simBank } from './bank.ts'
import { simBiller } from './biller.ts'
import { type Faults, type SimChannel, simChannel } from './channel.ts'

const M = 60_000
const H = 60 * M
/** Days after the last until everything that carries over has come to rest. */
const REST_DAYS = 5

export interface MonthRun {
  readonly seed: number
  readonly days: number
  /** Acts a day, of all kinds. */
  readonly acts: number
  readonly size: 'small' | 'town'
  readonly onDay?: (line: string) => void
}

export interface MonthOutcome {
  readonly payments: number
  readonly cash: number
  readonly offline: number
  readonly refunds: number
  readonly breaks: number
  readonly byPeople: number
  readonly settlements: number
  readonly checkFiles: number
  readonly unexplained: number
  readonly trial_balance_fen: number
  readonly month: Month
}

/** Staff of the town, as callers. */
function people(kernel: Kernel, tenantId: number) {
  const as = (n: number, ...permissions: string[]): Ctx => ({
    kernel,
    tenantId,
    actor: { kind: 'staff', id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) },
    requestId: `sim-${n}`,
    lang: 'zh-CN',
  })
  return {
    clerks: [as(1, 'payments.cash.collect'), as(2, 'payments.cash.collect')],
    manager: as(3, 'payments.refund.request', 'payments.reconcile.read', 'payments.reconcile.decide', 'payments.console.read'),
    approver: as(4, 'payments.refund.approve', 'payments.refund.request', 'payments.reconcile.read', 'payments.reconcile.decide'),
  }
}

/** The least pieces that make an amount, and how much less than it they are: coins below one jiao are not counted. */
function piecesOf(fen: number): { pieces: Record<string, string>; counted: number } {
  const pieces: Record<string, string> = {}
  let left = fen
  for (const denomination of DENOMINATIONS_FEN) {
    pieces[`d${denomination}`] = String(Math.floor(left / denomination))
    left %= denomination
  }
  return { pieces, counted: fen - left }
}

const feeOf = (fen: number): number => fen * 6

/** When the channel's books say it was paid: its clock is ahead, so that what is paid at midnight stands in the file of the next day. */
const statedAt = (at: Date): Date => addMs(at, 2 * M)

/** The channel's own statement of a day, in its own format. */
function rowsOf(channel: SimChannel, day: string): WechatRow[] {
  const rows: WechatRow[] = []
  for (const t of channel.trades.values())
    if (t.state === 'SUCCESS' && dayOf(statedAt(t.paidAt!)) === day)
      rows.push(
        wechatRow({
          ...{ tradedAt: statedAt(t.paidAt!), mchid: 'sim', transactionId: t.txnNo!, outTradeNo: t.outTradeNo },
          ...{ settlementFen: t.amountFen, orderFen: t.amountFen, feeE5: feeOf(t.amountFen) },
        }),
      )
  for (const r of channel.refunds.values())
    if (r.settledAt && dayOf(r.settledAt) === day)
      rows.push(
        wechatRow({
          ...{ tradedAt: r.settledAt, mchid: 'sim', transactionId: r.txnNo, outTradeNo: r.outTradeNo, tradeState: 'REFUND' },
          ...{
            refundId: `5${r.outRefundNo.slice(1, 28)}`,
            outRefundNo: r.outRefundNo,
            refundFen: r.amountFen,
            refundAppliedFen: r.amountFen,
          },
          ...{ refundType: 'ORIGINAL', refundState: 'SUCCESS', feeE5: -feeOf(r.amountFen) },
        }),
      )
  return rows
}

/** What is wrong with the statement of a day the first time it is fetched, and when a right one can be had. */
type Illness = 'none' | 'late' | 'garbled' | 'row_missing' | 'wrong_amount' | 'row_twice'
const ILLNESSES: readonly Illness[] = ['none', 'none', 'none', 'late', 'garbled', 'row_missing', 'wrong_amount', 'row_twice']

interface Statements {
  fetch(day: string): Promise<{ raw: Buffer; name: string }>
  /** Days whose statement was wrong and which the channel has corrected since. */
  corrected(today: string): string[]
}

function statementsOf(channel: SimChannel, clock: { now(): Date }, random: Random): Statements {
  const ill = new Map<string, Illness>()
  const tries = new Map<string, number>()
  const spoilt = new Set<string>()
  const fixed = new Set<string>()
  const render = (rows: readonly WechatRow[]) => Buffer.from(renderWechatStatement('all', rows))
  return {
    async fetch(day) {
      if (dayOf(clock.now()) <= day) throw new StatementUnavailable('none', 'the day is not over')
      const illness = ill.get(day) ?? ILLNESSES[random.int(ILLNESSES.length)]!
      ill.set(day, illness)
      const count = (tries.get(day) ?? 0) + 1
      tries.set(day, count)
      const rows = rowsOf(channel, day)
      if (illness === 'late' && count < 3) throw new StatementUnavailable('unknown', 'no answer')
      if (illness === 'garbled' && count < 2) throw new StatementRefused('footer', 0, 'cut off')
      const isPayment = (row: WechatRow) => row.tradeState === 'SUCCESS'
      const last = rows.findLastIndex(isPayment)
      const isSpoilt = (illness === 'row_missing' || illness === 'wrong_amount') && last >= 0 && !fixed.has(day)
      if (isSpoilt) spoilt.add(day)
      if (isSpoilt && illness === 'row_missing') rows.splice(last, 1)
      if (isSpoilt && illness === 'wrong_amount') {
        const row = rows[last]!
        rows[last] = { ...row, settlementFen: row.settlementFen + 100, orderFen: row.orderFen + 100 }
      }
      if (illness === 'row_twice' && last >= 0) rows.push(rows[last]!)
      if (rows.length === 0) throw new StatementUnavailable('none', 'nothing happened')
      return { raw: render(rows), name: `${day}.csv` }
    },
    corrected(today) {
      const due = [...spoilt].filter(day => !fixed.has(day) && addDays(day, 2) <= today)
      for (const day of due) fixed.add(day)
      return due
    },
  }
}

/**
 * A month of the demonstration town, day by day from one seed: residents pay, undo and ask back, windows take cash with and
 * without network, the channel and the billers lose questions and answers, statements come late, garbled, short of a row or
 * wrong. Each morning the day before is closed the way the product does it by itself. Throws AssertionError unless every day
 * agrees, every difference is explained and the books balance.
 */
export async function simulateMonth(base: Kernel, tenantId: number, run: MonthRun): Promise<MonthOutcome> {
  const firstDay = '2026-10-01'
  const clock = manualClock(addMs(startOfDay(firstDay), 7 * H))
  const random = seededRandom(run.seed)
  const kernel: Kernel = { ...base, clock, random }
  const ctx = systemCtx(kernel, tenantId, 'sim')
  const staff = people(kernel, tenantId)
  await seedTown(kernel, tenantId, { size: run.size, seed: `month-${run.seed}` })
  const faults: Faults = { lostBefore: 0.05, lostAfter: 0.05, refused: 0.02, lie: 0.05 }
  const channel = simChannel(random, clock, faults)
  const statements = statementsOf(channel, clock, random)
  useChannel(tenantId, { ...channel, fetchStatement: day => statements.fetch(day), readStatement: readWechatStatement })
  await ensureMerchant(ctx, 'wechat', 'sim')
  await ensureBankAccount(ctx, 'icb', 'bank')
  const bank = simBank(random)
  for (const biller of await listBillers(ctx)) usePort(tenantId, biller.id, simBiller(random, clock))
  const codes = await kernel.db.read(tenantId, tx =>
    tx.rows<{ code: string; billNo: string; fen: number }>(sql`
      select code, bill_no as "billNo", amount_fen as fen from billing.bill
      where tenant_id = ${tenantId} and not settled_before and withdrawn_at is null order by id`),
  )
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!
  const counts = { payments: 0, cash: 0, offline: 0, refunds: 0 }
  const mail: { dueAt: number; raw: Buffer }[] = []
  const paid: { code: string; payer: string }[] = []
  const devices = staff.clerks.map(() => newId(clock, random))
  const seqs = new Map<string, number>()
  const sessions = ['', '']

  async function payOnPhone(): Promise<void> {
    const payer = `browser:r${random.int(500)}`
    const bill = await getBill(ctx, pick(codes).code, [payer])
    if (!bill.ok) return
    const placed = await payBills(ctx, { quote: bill.value.quote, idempotencyKey: newCode(random), payer, place: 'phone' })
    if (!placed.ok) return
    const { orderId, code } = placed.value
    await startAttempt(ctx, { orderId, channel: 'wechat', product: 'h5', notifyUrl: '', returnUrl: '', clientIp: '10.0.0.1' })
    clock.advance(random.int(40_000))
    const trade = [...channel.trades.keys()].at(-1)
    const order = await findOrderByCode(ctx, code)
    if (!trade || !order?.attempts.some(a => a.outTradeNo === trade) || random.float() < 0.1 || !channel.pay(trade, false)) return
    counts.payments++
    paid.push({ code, payer })
    for (let copies = random.int(4); copies > 0; copies--)
      mail.push({ dueAt: clock.now().getTime() + random.int(20) * M, raw: channel.notification(trade) })
  }

  async function payAtWindow(): Promise<void> {
    const n = random.int(2)
    const clerk = staff.clerks[n]!
    const bill = await getBill(clerk, pick(codes).code, [`window:${sessions[n]}`])
    if (!bill.ok || bill.value.checks.some(check => check.level === 'stop')) return
    const { quote, bill: row, lateFeeFen } = bill.value
    const tenderedFen = Math.ceil((row.amountFen + lateFeeFen) / 10_000) * 10_000
    const taken = await payInCash(clerk, { quote, tenderedFen, idempotencyKey: newCode(random) })
    if (!taken.ok) return
    counts.cash++
    if (random.float() > 0.08) return
    const asked = await askCashVoid(clerk, { orderId: taken.value.orderId, reason: '付款人不付了' })
    if (asked.ok) await decideCashVoid(staff.approver, { orderId: taken.value.orderId, isAgreed: random.float() < 0.8 })
  }

  /** A few payments without network, handed over more than once. */
  async function payOffline(): Promise<void> {
    const n = random.int(2)
    const acts = Array.from({ length: 1 + random.int(3) }, () => {
      const bill = pick(codes)
      const seq = (seqs.get(sessions[n]!) ?? 0) + 1
      seqs.set(sessions[n]!, seq)
      const amountFen = bill.fen + (random.float() < 0.05 ? 10 : 0)
      return {
        ...{ sessionId: sessions[n]!, device: devices[n]!, seq, subject: random.float() < 0.03 ? `X${seq}` : bill.billNo },
        ...{ amountFen, tenderedFen: amountFen, takenAt: addMs(clock.now(), -random.int(30) * M) },
      }
    })
    for (let copies = 1 + random.int(2); copies > 0; copies--) {
      const done = await uploadOffline(staff.clerks[n]!, [...acts].reverse())
      assert.ok(done.ok)
    }
    counts.offline += acts.length
  }

  async function askBack(): Promise<void> {
    if (paid.length === 0) return
    const { code, payer } = pick(paid)
    const order = await findOrderByCode(ctx, code)
    if (!order || orderStateOf(order.state) !== 'paid') return
    if (random.float() < 0.4) {
      if ((await undoPayment(ctx, { orderCode: code, payers: [payer], idempotencyKey: newCode(random) })).ok) counts.refunds++
      return
    }
    const offer = await findRefundOffer(staff.manager, order.id)
    if (!offer.ok || !offer.value) return
    const { givenFen, lines } = offer.value
    const amountFen = 1 + random.int(Math.max(1, lines[0]!.leftFen - 1))
    const part = {
      orderId: order.id,
      line: lines[0]!.line,
      amountFen,
      cause: 'reading_corrected',
      note: '',
      givenFen,
      idempotencyKey: newCode(random),
    }
    const asked = await requestRefund(staff.manager, part)
    if (!asked.ok) return
    if ((await decideRefund(staff.approver, { refundId: asked.value.refundId, isAgreed: random.float() < 0.9, givenFen })).ok)
      counts.refunds++
  }

  async function work(): Promise<void> {
    const now = clock.now().getTime()
    for (let i = mail.length - 1; i >= 0; i--)
      if (mail[i]!.dueAt <= now) await receiveNotification(kernel, tenantId, 'wechat', mail.splice(i, 1)[0]!.raw, {})
    if (random.float() < 0.5) channel.settleRefunds()
    await runJanitor(kernel, tenantId)
    await runRefunds(kernel, tenantId)
    await runPostings(kernel, tenantId)
    await runOffline(kernel, tenantId)
  }

  async function openWindows(): Promise<void> {
    for (const [i, clerk] of staff.clerks.entries()) {
      const opened = await openDrawer(clerk, { drawer: `A${i + 1}`, pieces: { d1000: '10' } })
      assert.ok(opened.ok)
      sessions[i] = opened.value.id
    }
  }

  /** Pays out what is owed in cash, then counts; now and then a coin is missing. */
  async function closeWindows(): Promise<void> {
    for (const [i, clerk] of staff.clerks.entries()) {
      const seen = await viewDrawer(clerk)
      assert.ok(seen.ok)
      if (i === 0) for (const { refundId } of seen.value.payouts) await payOutCash(clerk, refundId)
      const { fen } = await kernel.db.read(tenantId, tx =>
        tx.one<{ fen: number }>(sql`
          select s.opening_fen + coalesce((select sum(m.amount_fen) from payments.cash_move m where m.tenant_id = s.tenant_id and m.session_id = s.id), 0)::bigint as fen
          from payments.drawer_session s where s.tenant_id = ${tenantId} and s.id = ${sessions[i]!}`),
      )
      const counted = piecesOf(Math.max(0, fen - (random.float() < 0.1 ? 100 : 0)))
      assert.ok((await closeDrawer(clerk, { pieces: counted.pieces })).ok)
    }
  }

  /** The morning after: what runs by itself, what the channel corrects, and what two people find out about the rest. */
  async function closeDayBefore(today: string): Promise<void> {
    for (const hour of [10.5, 11.5, 13, 15]) {
      const at = addMs(startOfDay(today), hour * H)
      if (at > clock.now()) clock.set(at)
      await work()
      await runClose(kernel, tenantId)
      await runChecks(kernel, tenantId)
      await work()
      for (const day of statements.corrected(today)) {
        const { raw, name } = await statements.fetch(day)
        const file = { name: `corrected-${name}`, pieces: () => [raw] }
        assert.ok((await reconcileStatement(ctx, { channel: 'wechat', day, file })).ok)
      }
      await runPayouts(kernel, tenantId)
      await runSettlements(kernel, tenantId)
      await runRemits(kernel, tenantId)
    }
    bank.payOut(addDays(today, -1), rowsOf(channel, addDays(today, -1)))
    await bank.payBillers(ctx)
    await bank.handOver(ctx, today, today > addDays(firstDay, run.days + 2))
  }

  for (let n = 0; n < run.days; n++) {
    const day = addDays(firstDay, n)
    clock.set(addMs(startOfDay(day), 8 * H + 30 * M))
    await openWindows()
    for (let act = 0; act < run.acts; act++) {
      const dice = random.int(100)
      await (dice < 58 ? payOnPhone() : dice < 85 ? payAtWindow() : dice < 90 ? payOffline() : askBack())
      clock.advance(random.int(Math.floor((10 * H) / run.acts)))
      await work()
    }
    if (clock.now() < addMs(startOfDay(day), 19 * H)) clock.set(addMs(startOfDay(day), 19 * H))
    await work()
    await closeWindows()
    if (random.float() < 0.3) {
      clock.set(addMs(startOfDay(addDays(day, 1)), -90_000))
      await payOnPhone()
    }
    // The night: everything lost is asked for again.
    for (let i = 0; i < 6; i++) {
      clock.advance(40 * M)
      await work()
    }
    await closeDayBefore(addDays(day, 1))
    run.onDay?.(`${day} ${JSON.stringify(counts)}`)
  }
  Object.assign(faults, { lostBefore: 0, lostAfter: 0, refused: 0, lie: 0 })
  for (let n = 0; n < REST_DAYS; n++) await closeDayBefore(addDays(firstDay, run.days + 1 + n))
  return conclude()

  async function conclude(): Promise<MonthOutcome> {
    const month = await viewMonth(staff.manager, firstDay.slice(0, 7))
    assert.ok(month.ok)
    const lastDay = addDays(firstDay, run.days - 1)
    const closes = await viewReconciliation(staff.manager, firstDay, dayOf(clock.now()))
    assert.ok(closes.ok)
    assert.deepEqual(
      closes.value.open.map(
        b => `${b.class} ${b.day} stated ${b.statedFen} booked ${b.bookedFen} ${b.ref} happened ${b.happenedAt?.toISOString()}`,
      ),
      [],
      'nothing is unexplained',
    )
    const open = month.value.days.filter(d => d.day <= lastDay && d.state !== 'closed')
    assert.deepEqual(
      open.map(d => ({ day: d.day, state: d.state })),
      [],
      'every day is closed',
    )
    const broken = [
      ...(await checkLedger(kernel.db, tenantId)),
      ...(await checkPayments(kernel.db, tenantId)),
      ...(await checkChecks(kernel.db, tenantId)),
      ...(await checkSettlements(kernel.db, tenantId)),
      ...(await checkBank(kernel.db, tenantId)),
      ...(await checkRemits(kernel.db, tenantId)),
    ].filter(check => check.ok === false)
    assert.deepEqual(broken, [], 'the books are sound')
    const balances = new Map((await kernel.db.read(tenantId, tx => listBalances(tx, tenantId))).map(row => [row.code, row.amount]))
    const taken = [...channel.trades.values()].filter(t => t.state === 'SUCCESS').reduce((sum, t) => sum + t.amountFen, 0)
    const given = [...channel.refunds.values()].reduce((sum, r) => sum + r.amountFen, 0)
    const paidOut = await kernel.db.read(tenantId, tx =>
      tx.one<{ fen: number; waiting: number }>(sql`
        select (select coalesce(sum(gross_fen), 0)::bigint from payments.settled_day where tenant_id = ${tenantId}) as fen,
          (select count(*) from payments.bank_move where tenant_id = ${tenantId} and booked_at is null) as waiting`),
    )
    assert.equal(balances.get('1012:wechat:sim') ?? 0, taken - given - paidOut.fen, 'clearing against the books of the channel')
    assert.equal(paidOut.waiting, 0, 'each movement of the bank is explained')
    assert.equal(balances.get('1002:icb') ?? 0, bank.movedFen, 'the mirror of the bank account')
    const found = await kernel.db.read(tenantId, tx =>
      tx.one<{ breaks: number; people: number; settlements: number; checks: number }>(sql`
        select (select count(*) from payments.break where tenant_id = ${tenantId}) as breaks,
          (select count(*) from payments.break where tenant_id = ${tenantId} and resolution = 'by_person') as people,
          (select count(*) from billing.settlement where tenant_id = ${tenantId}) as settlements,
          (select count(*) from billing.check_file where tenant_id = ${tenantId}) as checks`),
    )
    return {
      ...counts,
      breaks: found.breaks,
      byPeople: found.people,
      settlements: found.settlements,
      checkFiles: found.checks,
      unexplained: closes.value.open.length,
      trial_balance_fen: month.value.trialBalanceFen,
      month: month.value,
    }
  }
}
