import pg from 'pg'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments, confirmMany, recordPaid } from '#modules/payments/index.ts'
import { median, range, rate, round, startBench } from './harness.ts'
import { type PreparedAttempt, prepareAttempts, prepareBooks, TENANT } from './pay-data.ts'
import { FLOOR_TABLES, fillFloor, floor4, floor7 } from './pay-floor.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 10)
const WINDOW_MS = Number(process.env.WINDOW_MS ?? 700)

const bench = await startBench(70)
const { kernel, server } = bench
const owner = new pg.Client({ connectionString: server.connections.migrator })
await owner.connect()
await owner.query(FLOOR_TABLES)
await owner.end()
const { ctx, payee, clearing } = await prepareBooks(kernel)

const floorNext = { id: 1, filled: 0 }
const ready: PreparedAttempt[] = []
let made = 0
let txn = 0
const NEED = 40_000

async function refill(): Promise<void> {
  while (floorNext.filled - floorNext.id < NEED) {
    await fillFloor(kernel.db.pool, floorNext.filled + 1, floorNext.filled + 10_000)
    floorNext.filled += 10_000
  }
  while (ready.length < NEED) {
    ready.push(...(await prepareAttempts(kernel, { payee, clearing }, 2_000, made)))
    made += 2_000
  }
}

const take = () => {
  const attempt = ready.pop()
  if (!attempt) throw new Error('prepared attempts ran out: raise NEED')
  return {
    attemptId: attempt.attemptId,
    txnNo: `4200002026112200${String(++txn).padStart(12, '0')}`,
    amountFen: attempt.amountFen,
    paidAt: new Date(),
  }
}

const contenders = {
  floor4_32: () => rate(32, WINDOW_MS, () => floor4(kernel.db.pool, floorNext.id++)),
  floor7_32: () => rate(32, WINDOW_MS, () => floor7(kernel.db.pool, floorNext.id++)),
  single_32: () => rate(32, WINDOW_MS, () => confirmMany(kernel.db, ctx, [take()])),
  floor4_64: () => rate(64, WINDOW_MS, () => floor4(kernel.db.pool, floorNext.id++)),
  coalesced_64: () => rate(64, WINDOW_MS, () => recordPaid(ctx, take())),
  coalesced_256: () => rate(256, WINDOW_MS, () => recordPaid(ctx, take())),
}
type Name = keyof typeof contenders
const rates = Object.fromEntries(Object.keys(contenders).map(name => [name, []])) as unknown as Record<Name, number[]>

for (let i = 0; i < ROUNDS + 1; i++) {
  for (const [name, run] of Object.entries(contenders) as [Name, () => Promise<number>][]) {
    await refill()
    const value = await run()
    // The first round warms plans and caches on both sides.
    if (i > 0) rates[name].push(value)
  }
}

const ratio = (a: Name, b: Name) => rates[a].map((value, i) => value / rates[b][i]!)
const report = (name: string, values: number[]) =>
  console.log(
    `${name}: median ${round(median(values))}, range ${range(values)
      .map(v => round(v))
      .join(' to ')}`,
  )
for (const [name, values] of Object.entries(rates)) report(`${name} per second`, values)
const single = ratio('single_32', 'floor7_32')
const coalesced = ratio('coalesced_64', 'floor4_64')
report('single / floor7 at 32', single)
report('coalesced / floor4 at 64', coalesced)
const checks = [...(await checkLedger(kernel.db, TENANT)), ...(await checkPayments(kernel.db, TENANT))]
const broken = checks.filter(check => check.ok === false)
for (const check of broken) console.log(`${check.id} ${check.name}: ${check.detail}`)
await bench.stop()
console.log(
  JSON.stringify({
    name: 'pay',
    single_vs_floor7: round(median(single)),
    coalesced_vs_floor4: round(median(coalesced)),
    doctor: broken.length === 0 ? 'clean' : 'broken',
  }),
)
