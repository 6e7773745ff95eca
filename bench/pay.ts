import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import pg from 'pg'
import { createHttp } from '#app/http.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments, confirmMany, recordPaid, useChannel, wechatChannel } from '#modules/payments/index.ts'
import { makeWechatKeys } from '../sandbox/wechat/keys.ts'
import { makeNotification, wechatSigner } from '../sandbox/wechat/signer.ts'
import { ageLog, median, meter, openLoop, range, rate, round, settingsOf, startBench } from './harness.ts'
import { type PreparedAttempt, prepareAttempts, prepareBooks, TENANT } from './pay-data.ts'
import { FLOOR_TABLES, fillFloor, floor4, floor7, openLanes, pgbenchFloors } from './pay-floor.ts'
import type { Errand, Letter } from './pay-sender.ts'

const CLIENTS = 64
const LETTERS = 14_000
const ROUNDS = Number(process.env.ROUNDS ?? 10)
const WINDOW_MS = Number(process.env.WINDOW_MS ?? 700)
/** Rounds before the first that counts: plans, caches, and the compiler of this process, which takes some ten thousand requests. */
const WARM = 4

// The product's own number of connections, for both sides: a floor on one connection a client was slower. A second kind of
// floor has pipelined connections; in each round the faster one counts.
const bench = await startBench(20)
const { kernel, server } = bench
const owner = new pg.Client({ connectionString: server.connections.migrator })
await owner.connect()
await owner.query(FLOOR_TABLES)
await owner.end()
const admin = new pg.Client({ connectionString: server.owner })
await admin.connect()

const keys = makeWechatKeys(new Date())
const { ctx, payee, clearing } = await prepareBooks(kernel, keys.merchant.mchid)
useChannel(TENANT, wechatChannel({ ...keys.merchant, baseUrl: 'http://127.0.0.1:1' }))
const http = await createHttp({ kernel, tenant: { id: TENANT, name: { 'zh-CN': '-', en: '-' }, phone: '-', address: '-' } })
const url = `${await http.listen({ port: 0, host: '127.0.0.1' })}/notify/wechat/${TENANT}`

const floorNext = { id: 1, filled: 0 }
// In the order they were started: payers finish in about the order in which they began.
let ready: PreparedAttempt[] = []
let taken = 0
let made = 0
let txn = 0
/** Attempts, or rows of a floor, that a window takes at most; making more than it needs would only fill the log. */
const NEED = { crowd: 120_000, most: 60_000, one: 25_000 }

async function refill(need: number): Promise<void> {
  while (floorNext.filled - floorNext.id < NEED.one) {
    await fillFloor(kernel.db.pool, floorNext.filled + 1, floorNext.filled + 10_000)
    floorNext.filled += 10_000
  }
  ready = ready.slice(taken)
  taken = 0
  while (ready.length < need) {
    ready.push(...(await prepareAttempts(kernel, { payee, clearing, mchid: keys.merchant.mchid }, 2_000, made)))
    made += 2_000
  }
}

const take = () => {
  const attempt = ready[taken++]
  if (!attempt) throw new Error('prepared attempts ran out: raise NEED')
  return {
    attemptId: attempt.attemptId,
    outTradeNo: attempt.outTradeNo,
    txnNo: `4200002026112200${String(++txn).padStart(12, '0')}`,
    amountFen: attempt.amountFen,
    paidAt: new Date(),
  }
}

const signer = wechatSigner(keys)
const sender = new Worker(new URL('./pay-sender.ts', import.meta.url))
let letters: Letter[] = []

/** Signing takes longer than receiving, so the letters of a window are written before it begins. */
function writeLetters(): void {
  while (letters.length < LETTERS) {
    const { outTradeNo, txnNo, amountFen, paidAt } = take()
    const { headers, body } = makeNotification(signer, { outTradeNo, amountFen, txnNo, paidAt })
    letters.push({ headers, body })
  }
}

async function deliver(): Promise<number> {
  const errand: Errand = { url, clients: CLIENTS, window_ms: WINDOW_MS, letters }
  letters = []
  sender.postMessage(errand)
  const [result] = (await once(sender, 'message')) as [{ rate: number; refused: number; ranOut: boolean }]
  if (result.refused > 0) throw new Error(`${result.refused} notifications were refused`)
  if (result.ranOut) throw new Error('letters ran out: raise LETTERS')
  return result.rate
}

const lanes = await openLanes(server.connections.app, 16)

const contenders = {
  floor4_32: () => rate(32, WINDOW_MS, () => floor4(kernel.db.pool, floorNext.id++)),
  floor7_32: () => rate(32, WINDOW_MS, () => floor7(kernel.db.pool, floorNext.id++)),
  floor7_32_pipelined: () => rate(32, WINDOW_MS, client => floor7(lanes.of(client), floorNext.id++)),
  single_32: () => rate(32, WINDOW_MS, () => confirmMany(kernel.db, ctx, [take()])),
  floor4_64: () => rate(64, WINDOW_MS, () => floor4(kernel.db.pool, floorNext.id++)),
  floor4_64_pipelined: () => rate(64, WINDOW_MS, client => floor4(lanes.of(client), floorNext.id++)),
  http_64: () => deliver(),
  coalesced_64: () => rate(64, WINDOW_MS, () => recordPaid(ctx, take())),
  coalesced_256: () => rate(256, WINDOW_MS, () => recordPaid(ctx, take())),
  coalesced_1024: () => rate(1024, WINDOW_MS, () => recordPaid(ctx, take())),
}
type Name = keyof typeof contenders
const rates = Object.fromEntries(Object.keys(contenders).map(name => [name, []])) as unknown as Record<Name, number[]>

interface Cost {
  readonly walBytes: number
  readonly serverCpu_us: number
  readonly clientCpu_us: number
}
const costs = Object.fromEntries(Object.keys(contenders).map(name => [name, []])) as unknown as Record<Name, Cost[]>

await refill(NEED.crowd)
await ageLog(admin)
for (let i = 0; i < WARM + ROUNDS; i++) {
  for (const [name, run] of Object.entries(contenders) as [Name, () => Promise<number>][]) {
    await refill(name === 'coalesced_64' ? NEED.most : name.startsWith('coalesced') ? NEED.crowd : NEED.one)
    if (name === 'http_64') writeLetters()
    const before = await meter(admin)
    const value = await run()
    const after = await meter(admin)
    if (i < WARM) continue
    rates[name].push(value)
    const acts = (value * WINDOW_MS) / 1000
    costs[name].push({
      walBytes: (after.walBytes - before.walBytes) / acts,
      serverCpu_us: (after.serverCpu_us - before.serverCpu_us) / acts,
      clientCpu_us: (after.clientCpu_us - before.clientCpu_us) / acts,
    })
  }
}

/** Against the faster of the floors in each round. */
const ratio = (a: Name, floors: readonly Name[]) => rates[a].map((value, i) => value / Math.max(...floors.map(floor => rates[floor][i]!)))
const FLOOR7: readonly Name[] = ['floor7_32', 'floor7_32_pipelined']
const FLOOR4: readonly Name[] = ['floor4_64', 'floor4_64_pipelined']
const report = (name: string, values: number[]) =>
  console.log(
    `${name}: median ${round(median(values))}, range ${range(values)
      .map(v => round(v))
      .join(' to ')}`,
  )
for (const [name, values] of Object.entries(rates) as [Name, number[]][]) {
  report(`${name} per second`, values)
  const of = (pick: (cost: Cost) => number) => round(median(costs[name].map(pick)))
  console.log(
    `  each: ${of(c => c.walBytes)} bytes of WAL, ${of(c => c.serverCpu_us)} us of CPU in the server, ${of(c => c.clientCpu_us)} us in this process`,
  )
}
await refill(NEED.most)
const offered = Math.floor(median(rates.coalesced_64) / 4)
const waits = await openLoop(offered, 2_000, () => recordPaid(ctx, take()))
console.log(`open loop at ${offered}/s, from the scheduled time: p50 ${waits.p50} ms, p99 ${waits.p99} ms, p99.9 ${waits.p999} ms`)
for (const line of await pgbenchFloors(server, kernel.db.pool, floorNext.filled + 1)) console.log(line)
console.log(`PostgreSQL: ${await settingsOf(admin)}`)
const single = ratio('single_32', FLOOR7)
const overHttp = ratio('http_64', FLOOR4)
const coalesced = ratio('coalesced_1024', FLOOR4)
const coalesced256 = ratio('coalesced_256', FLOOR4)
const coalesced64 = ratio('coalesced_64', FLOOR4)
report('single / floor7 at 32', single)
report('coalesced at 1024 / floor4 at 64', coalesced)
report('coalesced at 256 / floor4 at 64', coalesced256)
report('coalesced at 64 / floor4 at 64', coalesced64)
report('http / floor4 at 64', overHttp)
const examined = performance.now()
const checks = [...(await checkLedger(kernel.db, TENANT)), ...(await checkPayments(kernel.db, TENANT))]
const broken = checks.filter(check => check.ok === false)
console.log(`doctor over ${txn} payments: ${round((performance.now() - examined) / 1000, 1)} s`)
for (const check of broken) console.log(`${check.id} ${check.name}: ${check.detail}`)
await lanes.end()
await http.close()
await sender.terminate()
await admin.end()
await bench.stop()
console.log(
  JSON.stringify({
    name: 'pay',
    single_vs_floor7: round(median(single)),
    coalesced_vs_floor4: round(median(coalesced)),
    coalesced_256_vs_floor4: round(median(coalesced256)),
    coalesced_64_vs_floor4: round(median(coalesced64)),
    http_vs_floor4: round(median(overHttp)),
    doctor: broken.length === 0 ? 'clean' : 'broken',
  }),
)
