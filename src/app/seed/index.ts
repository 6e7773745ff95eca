import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ctx, type Kernel, systemCtx } from '#kernel/context.ts'
import { seededRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { addMs, dayOf, startOfDay } from '#kernel/time.ts'
import {
  bindAccount,
  findAccount,
  type ImportReport,
  importBills,
  listPrintBills,
  markSettledBefore,
  type PrintBill,
  registerBiller,
} from '#modules/billing/index.ts'
import { findPerson } from '#modules/identity/index.ts'
import { billerFileSchema, billerOf } from '../biller-file.ts'
import { placeHouseholds } from './areas.ts'
import { generators, type SeedRow, serialNumbers } from './bills.ts'
import { type BillerContent, billers, town } from './content.ts'
import { type Cycle, listCycles } from './cycles.ts'
import { type Household, inventHouseholds, residentPhone } from './households.ts'
import { bringPast } from './past.ts'
import { writeRendered } from './render.ts'

const HOUSEHOLDS = { town: 3_000, small: 60 } as const

export interface Seeded {
  readonly households: number
  readonly accounts: number
  readonly bills: number
  readonly took_ms: number
}

/**
 * Makes the demonstration town: its areas and who lives where, six billers, their tariffs, households and a year of bills up to today, every bill taken in
 * through a file in its biller's layout. Running it again adds nothing for the same seed and day. Equal seeds give equal
 * households and amounts; ids and codes come from the kernel's own randomness.
 */
export async function seedTown(
  kernel: Kernel,
  tenantId: number,
  options: { size: 'town' | 'small'; seed: string; day?: string; onProgress?: (line: string) => void },
): Promise<Seeded> {
  const began = performance.now()
  const ctx = systemCtx(kernel, tenantId, 'seed')
  const households = inventHouseholds(HOUSEHOLDS[options.size], options.seed)
  const placed = await placeHouseholds(ctx, households, residentPhone(options.seed))
  if (placed > 0) options.onProgress?.(`  ${town.cells.length} 个网格，${placed} 户 / areas and households`)
  const folder = await mkdtemp(join(tmpdir(), 'yimen-seed-'))
  let bills = 0
  let accounts = 0
  try {
    for (const biller of billers) {
      await register(ctx, biller)
      const cycles = listCycles(biller.id, options.day ?? dayOf(kernel.clock.now()))
      const rows = generate(biller, households, cycles, options.seed)
      let billed = 0
      for (const cycle of cycles) {
        const report = await importCycle(ctx, folder, biller, cycle, rows.get(cycle) ?? [])
        billed += report.newBills
        accounts += report.newAccounts
      }
      unwrap(await markSettledBefore(ctx, biller.id, cycles.at(-1)!.from, Math.round(biller.on_time_share * 10_000)))
      bills += billed
      const past = await bringPast(ctx, biller, households, options.seed, cycles[0]!.issuedOn)
      if (past > 0) options.onProgress?.(`  ${biller.zh} / ${biller.en}: ${past} 笔以前系统的缴费 / payments of the system before`)
      options.onProgress?.(`  ${biller.zh} / ${biller.en}: ${cycles.length} 期，${billed} 张账单 / periods, bills`)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  await keepAccounts(ctx, households[0]!, residentPhone(options.seed))
  return { households: households.length, accounts, bills, took_ms: Math.round(performance.now() - began) }
}

/** The resident who can sign in keeps the accounts of the own home, as if added on the page. */
async function keepAccounts(ctx: Ctx, home: Household, phone: string): Promise<void> {
  const { id } = unwrap(await findPerson(ctx, { phone }))
  for (const [billerId, accountNo] of Object.entries(home.accounts))
    await bindAccount(ctx, `resident:${id}`, unwrap(await findAccount(ctx, billerId, accountNo)).id, 'owner', null)
}

/** The newest water bills, the first household's first: for a sheet of bills with codes to print. */
export const printBills = (kernel: Kernel, tenantId: number, count = 12): Promise<PrintBill[]> =>
  listPrintBills(systemCtx(kernel, tenantId, 'seed'), 'water', count)

const register = async (ctx: Ctx, b: BillerContent): Promise<void> => unwrap(await registerBiller(ctx, billerOf(billerFileSchema.parse(b))))

function generate(biller: BillerContent, households: readonly Household[], cycles: readonly Cycle[], seed: string): Map<Cycle, SeedRow[]> {
  const random = seededRandom(`${seed}:${biller.id}`)
  const serial = serialNumbers(biller.id)
  const rows = new Map<Cycle, SeedRow[]>(cycles.map(cycle => [cycle, []]))
  households.forEach((household, i) => {
    const accountNo = household.accounts[biller.id]
    if (accountNo === undefined) return
    for (const row of generators[biller.id](biller, household, accountNo, cycles, random, serial, i === 0)) rows.get(row.cycle)!.push(row)
  })
  return rows
}

async function importCycle(ctx: Ctx, folder: string, biller: BillerContent, cycle: Cycle, rows: readonly SeedRow[]): Promise<ImportReport> {
  const extension = { csv: 'csv', fixed_width: 'txt', xlsx: 'xlsx', json: 'jsonl' }[biller.mapping.format]
  const fileName = `${biller.id}-${cycle.from}-${cycle.to}.${extension}`
  const path = join(folder, fileName)
  const totalFen = rows.reduce((sum, row) => sum + row.amountFen, 0)
  await writeRendered(path, biller.mapping, { rows: rows.map(row => row.values), count: rows.length, totalFen, madeOn: cycle.issuedOn })
  const issuedAt = addMs(startOfDay(cycle.issuedOn), 9 * 3_600_000)
  const report = unwrap(await importBills(ctx, { billerId: biller.id, path, fileName, issuedAt }))
  await rm(path)
  if (report.outcome === 'refused')
    throw new Error(`the seed's own file ${fileName} was refused: ${JSON.stringify(report.errors.slice(0, 3))}`)
  return report
}
