import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import iconv from 'iconv-lite'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { getBiller } from '#app/seed/content.ts'
import { completeAccountNo } from '#app/seed/households.ts'
import { systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { importBills, registerBiller } from '#modules/billing/index.ts'
import { round, startBench } from './harness.ts'

// Import of a water file against the fastest bare COPY of the very rows it leaves in billing.bill, into a new plain table without
// index: in several rounds, into a table that stands and, with FREEZE, into one made in the same transaction.

const ROWS = Number(process.env.ROWS ?? 1_000_000)
/** Bills per account: a year of two-monthly files in one. */
const PER_ACCOUNT = 6
const PERIODS = ['202509-202510', '202511-202512', '202601-202602', '202603-202604', '202605-202606', '202607-202608']
const SAMPLE_MS = 50
const ROUNDS = 3

async function writeFile(path: string): Promise<number> {
  const biller = getBiller('water')
  const out = createWriteStream(path, { highWaterMark: 2 ** 20 })
  const head = biller.mapping.columns.map(c => c.header).join(',')
  let held: string[] = [`${head}\r\n`]
  let accountNo = ''
  let accounts = 0
  for (let i = 0; i < ROWS; i++) {
    if (i % PER_ACCOUNT === 0) accountNo = completeAccountNo(`10${String(accounts++).padStart(7, '0')}`, biller.account)!
    held.push(
      `${accountNo},示例户${accounts % 977},青砖一村${(accounts % 30) + 1}幢2单元401,${PERIODS[i % PER_ACCOUNT]},412,436,24,51.60,0.00,0.00,22.80,4.80,79.20,2026/09/30,W2609${String(i).padStart(8, '0')}\r\n`,
    )
    if (held.length < 5_000) continue
    if (!out.write(iconv.encode(held.join(''), 'gb18030'))) await once(out, 'drain')
    held = []
  }
  out.end(iconv.encode(held.join(''), 'gb18030'))
  await once(out, 'finish')
  return accounts
}

/** Seconds to fill a new table, the commit included; frozen rows need a table of the same transaction. */
async function copyOnce(rows: string, freeze: boolean): Promise<number> {
  await owner.query('drop table if exists public.bare_bill')
  if (!freeze) await owner.query('create table public.bare_bill (like billing.bill)')
  await owner.query('checkpoint')
  const began = performance.now()
  await owner.query('begin')
  if (freeze) await owner.query('create table public.bare_bill (like billing.bill)')
  const into = owner.query(copyFrom(`copy public.bare_bill from stdin${freeze ? ' with (freeze)' : ''}`))
  await pipeline(createReadStream(rows, { highWaterMark: 2 ** 18 }), into)
  await owner.query('commit')
  return (performance.now() - began) / 1000
}

const folder = mkdtempSync(join(tmpdir(), 'yimen-bench-import-'))
const bench = await startBench(4)
const ownerUrl = new URL(bench.server.owner)
ownerUrl.pathname = new URL(bench.server.connections.app).pathname
const owner = new pg.Client({ connectionString: ownerUrl.href })
let sampler: NodeJS.Timeout | undefined
try {
  const path = join(folder, 'water.csv')
  const accounts = await writeFile(path)
  const ctx = systemCtx(bench.kernel, 1, 'bench')
  const b = getBiller('water')
  const config = {
    account: b.account,
    late_fee: b.late_fee,
    partial_payment: b.partial_payment,
    posting_window_min: 60,
    cycle_months: 2,
    mappings: { bills: b.mapping },
  }
  await registerBiller(ctx, {
    id: b.id,
    nameZh: b.zh,
    nameEn: b.en,
    serviceZh: b.service_zh,
    serviceEn: b.service_en,
    unit: b.unit,
    config,
    tariffs: [],
  })
  await owner.connect()
  await owner.query('checkpoint')

  global.gc?.()
  const rss_start = process.memoryUsage.rss()
  let rss = rss_start
  sampler = setInterval(() => (rss = Math.max(rss, process.memoryUsage.rss())), SAMPLE_MS)
  const began = performance.now()
  const result = await importBills(ctx, { billerId: 'water', path, fileName: 'water.csv' })
  const import_s = (performance.now() - began) / 1000
  clearInterval(sampler)
  if (!result.ok || result.value.outcome !== 'imported' || result.value.newBills !== ROWS)
    throw new Error(`import failed: ${JSON.stringify(result)}`)

  const rows = join(folder, 'rows.txt')
  await pipeline(owner.query(copyTo('copy billing.bill to stdout')), createWriteStream(rows))
  const plain: number[] = []
  const frozen: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    plain.push(await copyOnce(rows, false))
    frozen.push(await copyOnce(rows, true))
  }
  const copy_s = Math.min(...plain, ...frozen)

  const { sum } = await bench.kernel.db.read(1, tx =>
    tx.one<{ sum: number }>(sql`select sum(amount_fen)::bigint as sum from billing.bill where tenant_id = 1`),
  )
  if (sum !== ROWS * 7_920) throw new Error(`the bills sum to ${sum} fen`)
  process.stdout.write(
    `${ROWS} rows of ${accounts} new accounts: import ${import_s.toFixed(1)} s, fastest bare COPY ${copy_s.toFixed(1)} s\n`,
  )
  process.stdout.write(
    `${JSON.stringify({ name: 'import', rows: ROWS, vs_copy: round(import_s / copy_s), rss_mb_max: Math.round(rss / 2 ** 20), rss_mb_start: Math.round(rss_start / 2 ** 20), import_s: round(import_s), copy_s: round(copy_s), copy_plain_s: plain.map(s => round(s)), copy_freeze_s: frozen.map(s => round(s)), accounts })}\n`,
  )
} finally {
  clearInterval(sampler)
  await owner.end().catch(() => undefined)
  await bench.stop()
  rmSync(folder, { recursive: true, force: true })
}
