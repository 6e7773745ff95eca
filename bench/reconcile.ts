import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { addDays, dayOf, startOfDay } from '#kernel/time.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments, confirmMany, type PaidFact, refundOrder } from '#modules/payments/index.ts'
import { makeWechatKeys } from '../sandbox/wechat/keys.ts'
import { renderWechatLines, type WechatRow } from '../src/modules/payments/adapters/wechat/statement.ts'
import { applyRefundFact } from '../src/modules/payments/service/refunds.ts'
import { median, round, startBench } from './harness.ts'
import { type PreparedAttempt, prepareAttempts, prepareBooks, TENANT } from './pay-data.ts'
import type { Run } from './reconcile-run.ts'

// A day's statement against the books, from the file to the breaks, and beside it a bare COPY of the two columns that tell a
// difference, already cut out of the file, with one hash join: the fastest the database can do. Everything in the books got there the
// way it does in the product.

const ROWS = Number(process.env.ROWS ?? 1_000_000)
const ROUNDS = Number(process.env.ROUNDS ?? 3)
/** Breaks planted of each class. */
const K = 9
const REFUNDS = 300
const BATCH = 500
const FLYING = 4

const bench = await startBench(8)
const { kernel, server } = bench
const keys = makeWechatKeys(new Date())
const { ctx, payee, clearing } = await prepareBooks(kernel, keys.merchant.mchid)
const day = addDays(dayOf(new Date()), -1)
const start_ms = startOfDay(day).getTime()
const folder = mkdtempSync(join(tmpdir(), 'yimen-bench-reconcile-'))
const expected = new Set<string>()
const plant = (kind: string, ref: string) => expected.add(`${kind} wechat:${ref}`)

interface Payment extends PreparedAttempt {
  readonly txnNo: string
  readonly paidAt: Date
}

/** Paid through the whole of the day but for its first and last hour. */
async function pay(count: number, offset: number): Promise<Payment[]> {
  const made = await prepareAttempts(kernel, { payee, clearing, mchid: keys.merchant.mchid }, count, offset)
  const payments = made.map((attempt, i) => ({
    ...attempt,
    txnNo: `42000020261122${String(offset + i).padStart(14, '0')}`,
    paidAt: new Date(start_ms + 3_600_000 + (((offset + i) * 7_919) % 79_200) * 1000),
  }))
  const facts: PaidFact[] = payments.map(({ attemptId, txnNo, amountFen, paidAt }) => ({ attemptId, txnNo, amountFen, paidAt }))
  if ((await confirmMany(kernel.db, ctx, facts)).includes(false)) throw new Error('a payment was not booked')
  return payments
}

const wechatRow = (over: Partial<WechatRow>, note: string): WechatRow => ({
  ...{
    tradedAt: new Date(0),
    appid: keys.merchant.appid,
    mchid: keys.merchant.mchid,
    subMchid: '0',
    device: '',
    transactionId: '',
    outTradeNo: '',
  },
  ...{
    openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
    tradeType: 'MWEB',
    tradeState: 'SUCCESS',
    bank: 'OTHERS',
    currency: 'CNY',
    settlementFen: 0,
  },
  ...{ couponFen: 0, refundRequestedAt: undefined, refundedAt: undefined, refundId: '', outRefundNo: '', refundFen: 0, refundCouponFen: 0 },
  ...{
    refundType: '',
    refundState: '',
    goods: `水费 2026-10 ${note}`,
    attach: '',
    feeE5: 0,
    rate: '0.60%',
    orderFen: 0,
    refundAppliedFen: 0,
    rateNote: '',
  },
  ...over,
})
const payRow = (p: Pick<Payment, 'txnNo' | 'outTradeNo' | 'amountFen' | 'paidAt'>, note: string): WechatRow =>
  wechatRow(
    {
      tradedAt: p.paidAt,
      transactionId: p.txnNo,
      outTradeNo: p.outTradeNo,
      settlementFen: p.amountFen,
      orderFen: p.amountFen,
      feeE5: p.amountFen * 6,
    },
    note,
  )
interface Refund {
  readonly txnNo: string
  readonly outTradeNo: string
  readonly outRefundNo: string
  readonly amountFen: number
  readonly at: Date
}
const refundRow = (r: Refund, note: string): WechatRow =>
  wechatRow(
    {
      ...{
        tradedAt: r.at,
        transactionId: r.txnNo,
        outTradeNo: r.outTradeNo,
        tradeState: 'REFUND',
        refundId: `5${r.outRefundNo.slice(1, 28)}`,
      },
      ...{
        outRefundNo: r.outRefundNo,
        refundFen: r.amountFen,
        refundAppliedFen: r.amountFen,
        refundType: 'ORIGINAL',
        refundState: 'SUCCESS',
      },
      feeE5: 0 - r.amountFen * 6,
    },
    note,
  )

console.log(`booking ${ROWS} payments of ${day} …`)
const payments: Payment[] = []
for (let at = 0; at < ROWS; at += BATCH * FLYING) {
  const counts = Array.from({ length: FLYING }, (_, i) => ({ count: Math.min(BATCH, ROWS - at - i * BATCH), offset: at + i * BATCH }))
  const lots = await Promise.all(counts.filter(({ count }) => count > 0).map(({ count, offset }) => pay(count, offset)))
  payments.push(...lots.flat())
}
// Days on both sides, so that the day has to be found among others.
const refunds: Refund[] = []
for (const p of payments.slice(0, REFUNDS)) {
  const asked = await kernel.db.tx(TENANT, tx => refundOrder(tx, ctx, p.orderId, 'wrong_payment'))
  if (!asked.ok) throw new Error(asked.error.code)
  const { rows } = await kernel.db.pool.query<{ no: string }>(
    'select out_refund_no as no from payments.refund where tenant_id = $1 and id = $2',
    [TENANT, asked.value[0]],
  )
  const refund = {
    txnNo: p.txnNo,
    outTradeNo: p.outTradeNo,
    outRefundNo: rows[0]!.no,
    amountFen: p.amountFen,
    at: new Date(start_ms + 82_000_000),
  }
  await applyRefundFact(ctx, {
    outTradeNo: p.outTradeNo,
    outRefundNo: refund.outRefundNo,
    state: 'SUCCESS',
    amountFen: p.amountFen,
    refundedAt: refund.at,
  })
  refunds.push(refund)
}

// ---- what the file says otherwise than the books
const at = (i: number) => new Date(start_ms + 40_000_000 + i * 1000)
const waiting = await prepareAttempts(kernel, { payee, clearing, mchid: keys.merchant.mchid }, K, ROWS)
const stated: Pick<Payment, 'txnNo' | 'outTradeNo' | 'amountFen' | 'paidAt'>[] = []
for (let i = 0; i < K; i++) {
  const [ours, foreign] = [`43000020261122${String(i).padStart(14, '0')}`, `44000020261122${String(i).padStart(14, '0')}`]
  stated.push({ ...waiting[i]!, txnNo: ours, paidAt: at(i) }, { txnNo: foreign, outTradeNo: `shop${i}`, amountFen: 990 + i, paidAt: at(i) })
  plant('channel_only', ours)
  plant('channel_only', foreign)
}
const omitted = new Set(payments.slice(REFUNDS, REFUNDS + K).map(p => p.txnNo))
const altered = new Set(payments.slice(REFUNDS + K, REFUNDS + 2 * K).map(p => p.txnNo))
const repeated = new Set(payments.slice(REFUNDS + 2 * K, REFUNDS + 3 * K).map(p => p.txnNo))
for (const no of omitted) plant('ledger_only', no)
for (const no of altered) plant('amount', no)
for (const no of repeated) plant('duplicate_in_file', no)
for (const r of refunds.slice(0, K)) plant('refund_missing', r.outRefundNo)
const foreignRefunds = Array.from({ length: K }, (_, i) => ({
  ...refunds[i + K]!,
  outRefundNo: `manual-${i}`,
  amountFen: 100 + i,
  at: at(i),
}))
for (const r of foreignRefunds) plant('refund_only', r.outRefundNo)

function* rowsOf(note: string): Generator<WechatRow> {
  for (const p of payments) {
    if (omitted.has(p.txnNo)) continue
    const row = payRow(altered.has(p.txnNo) ? { ...p, amountFen: p.amountFen + 1 } : p, note)
    yield row
    if (repeated.has(p.txnNo)) yield row
  }
  for (const p of stated) yield payRow(p, note)
  for (const r of refunds.slice(K)) yield refundRow(r, note)
  for (const r of foreignRefunds) yield refundRow(r, note)
}

async function writeStatement(path: string, note: string): Promise<number> {
  const out = createWriteStream(path, { highWaterMark: 2 ** 20 })
  let held = ''
  let rows = -2
  for (const line of renderWechatLines('all', rowsOf(note))) {
    held += line
    rows++
    if (held.length < 2 ** 19) continue
    if (!out.write(held)) await once(out, 'drain')
    held = ''
  }
  out.end(held)
  await once(out, 'finish')
  return rows
}

const ownerUrl = new URL(server.owner)
ownerUrl.pathname = new URL(server.connections.app).pathname
const owner = new pg.Client({ connectionString: ownerUrl.href })
await owner.connect()
const plain = join(folder, 'plain.copy')

/** Rows of the books and of the statement as plain text and a plain table, outside the measurement. */
async function prepareBare(): Promise<void> {
  await owner.query(
    `create table public.bare_book as select ref, amounts[1] as fen from ledger.journal where tenant_id = ${TENANT} and code <> 'REFUND_RESERVE'`,
  )
  await owner.query('analyze public.bare_book')
  await pipeline(owner.query(copyTo('copy public.bare_book to stdout')), createWriteStream(plain))
}

async function bare(): Promise<number> {
  await owner.query('drop table if exists public.bare_line')
  const began = performance.now()
  await owner.query('begin')
  await owner.query('create table public.bare_line (ref text, fen bigint)')
  await pipeline(
    createReadStream(plain, { highWaterMark: 2 ** 18 }),
    owner.query(copyFrom('copy public.bare_line from stdin with (freeze)')),
  )
  await owner.query('analyze public.bare_line')
  await owner.query(`set local work_mem = '128MB'`)
  const { rows } = await owner.query<{ n: string }>(
    'select count(*) as n from public.bare_line l full join public.bare_book b on b.ref = l.ref where l.ref is null or b.ref is null or l.fen <> b.fen',
  )
  await owner.query('commit')
  if (Number(rows[0]!.n) !== 0) throw new Error(`the bare join found ${rows[0]!.n} differences`)
  return (performance.now() - began) / 1000
}

const script = fileURLToPath(new URL('./reconcile-run.ts', import.meta.url))
const loader = fileURLToPath(new URL('../tools/tsx.mjs', import.meta.url))
const file = join(folder, 'statement.csv')
async function reconcile(): Promise<Run> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', loader, script, server.connections.app, file, day])
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Run
}

async function compareBreaks(): Promise<{ missed: number; invented: number }> {
  const { rows } = await owner.query<{ key: string }>(
    `select class || ' ' || ref as key from payments.break where tenant_id = ${TENANT} and resolution is distinct from 'corrected_file'`,
  )
  const found = new Set(rows.map(row => row.key))
  const invented = rows.filter(row => !expected.has(row.key))
  const missed = [...expected].filter(key => !found.has(key))
  for (const key of [...missed.map(k => `missed ${k}`), ...invented.map(r => `invented ${r.key}`)].slice(0, 10)) console.log(key)
  return { missed: missed.length, invented: invented.length + (rows.length - found.size) }
}

try {
  await prepareBare()
  const runs: Run[] = []
  const bares: number[] = []
  let missed = 0
  let invented = 0
  let rows = 0
  for (let i = 0; i < ROUNDS; i++) {
    // Each round another text, so that it counts as a corrected file of the day; its breaks must stay the same.
    rows = await writeStatement(file, String(i))
    await owner.query('checkpoint')
    runs.push(await reconcile())
    const compared = await compareBreaks()
    missed += compared.missed
    invented += compared.invented
    await owner.query('checkpoint')
    bares.push(await bare())
    console.log(`round ${i + 1}: ${rows} rows, ${round(runs.at(-1)!.seconds)} s, bare COPY and join ${round(bares.at(-1)!)} s`)
  }
  const again = await reconcile()
  if (again.outcome !== 'unchanged') throw new Error('the same file again was not a no-op')
  console.log(`the same file again: ${round(again.seconds)} s, ${again.outcome}`)
  const broken = [...(await checkLedger(kernel.db, TENANT)), ...(await checkPayments(kernel.db, TENANT))].filter(
    check => check.ok === false,
  )
  for (const check of broken) console.log(`${check.id} ${check.name}: ${check.detail}`)
  const seconds = runs.map(run => run.seconds)
  console.log(
    JSON.stringify({
      name: 'reconcile',
      rows,
      seconds: round(median(seconds)),
      seconds_range: [Math.min(...seconds), Math.max(...seconds)].map(s => round(s)),
      vs_copy_join: round(median(runs.map((run, i) => run.seconds / bares[i]!))),
      planted: expected.size,
      missed,
      invented,
      rss_mb_max: Math.max(...runs.map(run => run.rss_mb_max)),
      rss_mb_start: runs[0]!.rss_mb_start,
      doctor: broken.length === 0 ? 'clean' : 'broken',
    }),
  )
} finally {
  await owner.end()
  await bench.stop()
  rmSync(folder, { recursive: true, force: true })
}
