import { type Db, sql } from '#kernel/db/index.ts'
import { newId } from '#kernel/id.ts'
import { systemRandom } from '#kernel/random.ts'
import { systemClock } from '#kernel/time.ts'
import { type Plain, plainBrowser } from '../test/support/form.ts'
import { totpCode } from '../test/support/totp.ts'
import { issueBills, withDatabase } from './support/audit.ts'
import { expect, isReady, runDrill, say, settle } from './support/harness.ts'
import { startPayers } from './support/payers.ts'
import { type ProductProcess, pause, until } from './support/product-process.ts'

/**
 * Two windows take 500 payments while they have no network: bills, bills the other window takes too, bills residents are paying on
 * their phones, wrong amounts, numbers nobody knows. Everything is handed over three times in random order and in random cuts,
 * while the application is killed. Afterwards each act is in the books and in its drawer once.
 */
const ACTS = 500
const BILLS = 700
const ONLINE = 120
const KILLS = 2
const CUT_MAX = 50
const OPEN_MS_MAX = 180_000

interface Act {
  readonly session: string
  readonly device: string
  readonly seq: number
  readonly subject: string
  readonly amount_fen: number
  readonly tendered_fen: number
  readonly taken_at: string
}

interface Window {
  readonly browser: Plain
  readonly csrf: string
  readonly session: string
  readonly acts: Act[]
  /** Numbers the product said it keeps. */
  readonly acknowledged: Set<number>
}

const random = systemRandom()

async function openWindow(product: ProductProcess, n: number): Promise<Window> {
  const username = `drill-clerk-${n}`
  const made = await product.command('staff-add', username, 'clerk', `演练${n}`)
  const [, password, secret] = /password (\S+)\nauthenticator (\S+)/.exec(made.stdout) ?? []
  if (!password || !secret) throw new Error(`no clerk: ${made.stderr}`)
  const browser = plainBrowser(product.url, undefined, { 'x-forwarded-for': `10.77.0.${n}` })
  const csrf = /name="csrf" value="([^"]*)"/.exec((await browser.get('/staff/sign-in')).text)![1]!
  await browser.post('/staff/sign-in', { csrf, username, password })
  const entered = await browser.post('/staff/second-factor', { csrf, code: totpCode(secret, systemClock.now()) })
  if (entered.status !== 303) throw new Error(`no sign-in: ${entered.status}`)
  const opened = await browser.post('/staff/cash/open', { csrf, drawer: `DRILL${n}` })
  if (opened.location !== '/staff/cash?notice=opened') throw new Error(`no drawer: ${opened.status}`)
  const page = await browser.get('/staff/cash/offline')
  const session = /data-session="([^"]+)"/.exec(page.text)![1]!
  return { browser, csrf, session, acts: [], acknowledged: new Set() }
}

/** What was taken at each window, mixed as it comes: the bills of the drill, in every way they can go wrong. */
function takeMoney(
  windows: readonly Window[],
  bills: readonly { code: string; fen: number }[],
  online: readonly { code: string; fen: number }[],
): void {
  const devices = windows.map(() => newId(systemClock, random))
  for (let i = 0; i < ACTS; i++) {
    const at = i % windows.length
    const kind = random.int(100)
    const bill = kind < 10 ? online[random.int(online.length)]! : kind < 20 ? bills[random.int(40)]! : bills[40 + i]!
    const fen = kind >= 20 && kind < 26 ? bill.fen + 1 + random.int(500) : bill.fen
    const subject = kind >= 26 && kind < 31 ? `NOBODY${i}` : `https://hall.example/b/${bill.code}`
    const window = windows[at]!
    const taken = { subject, amount_fen: fen, tendered_fen: fen + random.int(5_000), taken_at: systemClock.now().toISOString() }
    window.acts.push({ session: window.session, device: devices[at]!, seq: window.acts.length + 1, ...taken })
  }
}

const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map(item => ({ item, key: random.int(1_000_000_000) }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)

/** Hands a batch over until the product says that it keeps it; answers how often that failed. */
async function handOver({ browser, csrf, acknowledged }: Window, batch: readonly Act[]): Promise<number> {
  for (let failures = 0; ; failures++) {
    const answer = await browser.post('/staff/cash/offline', { csrf, acts: JSON.stringify(batch) }).catch(() => undefined)
    if (answer?.status === 200 && answer.text.startsWith('{')) {
      for (const { seq } of batch) acknowledged.add(seq)
      return failures
    }
    if (failures > 600) throw new Error(`not taken: ${answer?.status} ${answer?.text.slice(0, 200)}`)
    await pause(300)
  }
}

async function handOverAll(window: Window): Promise<number> {
  let failures = 0
  for (let round = 0; round < 3; round++) {
    const rest = shuffled(window.acts)
    while (rest.length > 0) failures += await handOver(window, rest.splice(0, 1 + random.int(CUT_MAX)))
  }
  return failures
}

/** Acts that were acknowledged and are not in their drawer, and money in a drawer that no act brought. */
async function compare(db: Db, { session, acts, acknowledged }: Window): Promise<{ lost: number; doubled: number }> {
  const { kept, moves } = await db.read(1, async tx => ({
    kept: await tx.rows<{ seq: number; fen: number; outcome: string | null }>(
      sql`select seq, amount_fen as fen, outcome from payments.offline_act where tenant_id = 1 and session_id = ${session}`,
    ),
    moves: await tx.one<{ n: number; fen: number }>(
      sql`select count(*) as n, coalesce(sum(amount_fen), 0)::bigint as fen from payments.cash_move where tenant_id = 1 and session_id = ${session}`,
    ),
  }))
  const known = new Map(kept.map(row => [row.seq, row]))
  const lost = acts.filter(act => acknowledged.has(act.seq) && (known.get(act.seq)?.fen !== act.amount_fen || !known.get(act.seq)?.outcome))
  const whole = acts.reduce((sum, act) => sum + act.amount_fen, 0)
  say(`${kept.length} acts kept of ${acts.length}; ${moves.n} moves of ${moves.fen} fen, taken ${whole} fen`)
  const counts = new Map<string, number>()
  for (const { outcome } of kept) counts.set(outcome ?? 'open', (counts.get(outcome ?? 'open') ?? 0) + 1)
  say(`     ${[...counts].map(([outcome, n]) => `${outcome} ${n}`).join(', ')}`)
  return {
    lost: lost.length + Math.max(0, acts.length - moves.n),
    doubled: Math.max(0, moves.n - acts.length) + (moves.fen > whole ? 1 : 0),
  }
}

const countOpen = (db: Db) =>
  db.read(1, tx => tx.one<{ n: number }>(sql`select count(*) as n from payments.offline_act where tenant_id = 1 and outcome is null`))

async function drill(dataDir: string, product: ProductProcess): Promise<boolean> {
  await product.start()
  const codes = await withDatabase(dataDir, db => issueBills(db, BILLS))
  const bills = await withDatabase(dataDir, db =>
    db.read(1, tx =>
      tx.rows<{ code: string; fen: number }>(
        sql`select code, amount_fen as fen from billing.bill where tenant_id = 1 and code = any(${codes}::text[])`,
      ),
    ),
  )
  const online = bills.splice(0, ONLINE)
  const windows = [await openWindow(product, 1), await openWindow(product, 2)]
  takeMoney(windows, bills, online)
  const payers = startPayers({ url: product.url, dataDir, codes: online.map(bill => bill.code), clients: 4, random })
  const handing = Promise.all(windows.map(handOverAll))
  const killing = (async () => {
    for (let i = 0; i < KILLS; i++) {
      await pause(1_500 + random.int(2_000))
      await product.kill()
      await product.start()
      say('the application was killed and started again')
    }
  })()
  await killing
  const failures = (await handing).reduce((sum, n) => sum + n, 0)
  say(`${failures} batches were not answered and handed over again`)
  await until(30_000, 'the product is ready', () => isReady(product.url))
  await payers.stop()
  await withDatabase(dataDir, db =>
    until(OPEN_MS_MAX, 'no act waits any more', async () => {
      await pause(500)
      return (await countOpen(db)).n === 0 || undefined
    }),
  )
  const verdict = await settle(dataDir, payers)
  for (const kind of ['lost', 'doubled', 'unknown'] as const) for (const line of verdict[kind].slice(0, 10)) say(`${kind}: ${line}`)
  const found = await withDatabase(dataDir, async db => [await compare(db, windows[0]!), await compare(db, windows[1]!)])
  const doctor = await product.command('doctor', '--json')
  const isClean = doctor.code === 0 && (JSON.parse(doctor.stdout) as { clean: boolean }).clean
  if (!isClean) say(`doctor: ${doctor.stdout}${doctor.stderr}`)
  const acknowledged = windows.reduce((sum, window) => sum + window.acknowledged.size, 0)
  const lost = verdict.lost.length + verdict.unknown.length + found.reduce((sum, one) => sum + one.lost, 0)
  const doubled = verdict.doubled.length + found.reduce((sum, one) => sum + one.doubled, 0)
  expect(`${verdict.acknowledged} residents paid meanwhile`, verdict.acknowledged > 0)
  const result = {
    name: 'offline',
    paid_meanwhile: verdict.acknowledged,
    acknowledged,
    lost,
    doubled,
    doctor: isClean ? 'clean' : 'broken',
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
  return acknowledged === ACTS && lost + doubled === 0 && isClean
}

await runDrill(drill, { run_ms_max: 12 * 60_000 })
