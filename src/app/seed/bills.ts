import { divideHalfUp } from '#kernel/money.ts'
import type { Random } from '#kernel/random.ts'
import { type BillerContent, type BillerId, type Tier, tariffOn } from './content.ts'
import { addMonths, type Cycle, lastDayOf } from './cycles.ts'
import { addressOf, type Household } from './households.ts'
import { type Value, yuan } from './render.ts'

/** Amount of one fee line: quantity (times 1000) at a price in yuan times 10000, half a fen up. */
export const feeFen = (quantity_e3: number, price_e4: number): number =>
  Number(divideHalfUp(BigInt(quantity_e3) * BigInt(price_e4), 100_000n))

/** Splits the use of a span over the tiers, `before_e3` having been used earlier in the same year or month. */
export function tierFees(tiers: readonly Tier[], before_e3: number, use_e3: number): number[] {
  let lower = 0
  return tiers.map(tier => {
    const upper = tier.up_to === null ? Number.POSITIVE_INFINITY : tier.up_to * 1000
    const inside = Math.max(0, Math.min(before_e3 + use_e3, upper) - Math.max(before_e3, lower))
    lower = upper
    return feeFen(inside, tier.unit_price_e4)
  })
}

export interface SeedRow {
  readonly cycle: Cycle
  readonly values: readonly Value[]
  readonly amountFen: number
}

const SERIALS: Readonly<Partial<Record<BillerId, string>>> = { water: 'W', power: 'P', gas: 'G', telecom: 'T' }

/** Hands out bill numbers per file: letter, year and month of issue, serial. */
export function serialNumbers(biller: BillerId): (cycle: Cycle) => string {
  const next = new Map<string, number>()
  return cycle => {
    const month = cycle.issuedOn.slice(2, 7).replace('-', '')
    const serial = (next.get(month) ?? 0) + 1
    next.set(month, serial)
    return `${SERIALS[biller]}${month}${String(serial).padStart(7, '0')}`
  }
}

const compact = (month: string): string => month.replace('-', '')
const span = (c: Cycle): string => `${compact(c.from)}-${compact(c.to)}`
const dateCell = (day: string): Date => new Date(`${day}T00:00:00Z`)

/** Use of one month with season and chance, in whole steps of the meter (times 1000). */
function monthUse_e3(b: BillerContent, h: Household, month: string, random: Random, step_e3: number): number {
  const season = b.seasonality[Number(month.slice(5)) - 1]!
  const use = b.typical_use_per_month.median * h.thrift * season * (0.85 + random.float() * 0.3)
  return Math.max(1, Math.round((use * 1000) / step_e3)) * step_e3
}

interface Metered {
  readonly cycle: Cycle
  readonly use_e3: number
  /** Used earlier in the year the cycle begins in. */
  readonly before_e3: number
  readonly readingFrom_e3: number
}

/** Reads a meter through all months since the first cycle's new year. */
function* readMeter(
  b: BillerContent,
  h: Household,
  cycles: readonly Cycle[],
  random: Random,
  step_e3: number,
  fixedUse_e3?: number,
): Iterable<Metered> {
  let reading = (80 + random.int(1_400)) * 1000
  let year = ''
  let yearUse = 0
  const months = cycles[0]!.from === cycles[0]!.to ? 1 : 2
  for (let from = `${cycles[0]!.from.slice(0, 4)}-01`; from <= cycles.at(-1)!.from; from = addMonths(from, months)) {
    if (year !== from.slice(0, 4)) {
      year = from.slice(0, 4)
      yearUse = 0
    }
    let use = 0
    for (let i = 0; i < months; i++) use += monthUse_e3(b, h, addMonths(from, i), random, step_e3)
    if (fixedUse_e3 !== undefined && from === cycles.at(-1)!.from) use = fixedUse_e3
    const cycle = cycles.find(c => c.from === from)
    if (cycle) yield { cycle, use_e3: use, before_e3: yearUse, readingFrom_e3: reading }
    reading += use
    yearUse += use
  }
}

type Generator = (
  b: BillerContent,
  h: Household,
  accountNo: string,
  cycles: readonly Cycle[],
  random: Random,
  serial: (c: Cycle) => string,
  isSample: boolean,
) => Iterable<SeedRow>

const whole = (e3: number): string => String(e3 / 1000)
/** Use of the newest two months in the printed example: 24 m³, all in the first tier. */
const SAMPLE_USE_E3 = 24_000

function* water(...[b, h, no, cycles, random, serial, isSample]: Parameters<Generator>): Iterable<SeedRow> {
  for (const { cycle, use_e3, before_e3, readingFrom_e3 } of readMeter(b, h, cycles, random, 1000, isSample ? SAMPLE_USE_E3 : undefined)) {
    const tariff = tariffOn(b, lastDayOf(cycle.to))
    const fees = [...tierFees(tariff.tiers!, before_e3, use_e3), ...tariff.surcharges.map(s => feeFen(use_e3, s.unit_price_e4!))]
    const amountFen = fees.reduce((sum, fee) => sum + fee, 0)
    const readings = [whole(readingFrom_e3), whole(readingFrom_e3 + use_e3), whole(use_e3)]
    yield {
      cycle,
      amountFen,
      values: [
        no,
        h.name,
        addressOf(h),
        span(cycle),
        ...readings,
        ...fees.map(yuan),
        yuan(amountFen),
        cycle.dueOn.replaceAll('-', '/'),
        serial(cycle),
      ],
    }
  }
}

function* power(...[b, h, no, cycles, random, serial]: Parameters<Generator>): Iterable<SeedRow> {
  for (const { cycle, use_e3 } of readMeter(b, h, cycles, random, 1000)) {
    const fees = tierFees(tariffOn(b, lastDayOf(cycle.to)).tiers!, 0, use_e3)
    const amountFen = fees.reduce((sum, fee) => sum + fee, 0)
    const use = use_e3 / 1000
    const peak = Math.round(use * (0.6 + random.float() * 0.2))
    const tier = fees.filter(fee => fee > 0).length
    yield {
      cycle,
      amountFen,
      values: [
        'D',
        no,
        compact(cycle.from),
        peak,
        use - peak,
        use,
        tier,
        amountFen,
        0,
        compact(cycle.dueOn.replace('-', '')),
        serial(cycle),
      ],
    }
  }
}

const TIER_NAMES = ['第一阶梯', '第二阶梯', '第三阶梯']

function* gas(...[b, h, no, cycles, random, serial]: Parameters<Generator>): Iterable<SeedRow> {
  for (const { cycle, use_e3, before_e3, readingFrom_e3 } of readMeter(b, h, cycles, random, 100)) {
    const fees = tierFees(tariffOn(b, lastDayOf(cycle.to)).tiers!, before_e3, use_e3)
    const amountFen = fees.reduce((sum, fee) => sum + fee, 0)
    const meter = [readingFrom_e3, readingFrom_e3 + use_e3, use_e3, before_e3 + use_e3].map(e3 => e3 / 1000)
    yield {
      cycle,
      amountFen,
      values: [
        no,
        h.name,
        span(cycle),
        ...meter,
        TIER_NAMES[fees.findLastIndex(fee => fee > 0)]!,
        amountFen / 100,
        0,
        dateCell(cycle.dueOn),
        serial(cycle),
      ],
    }
  }
}

const SUSPENDED_SHARE = 0.05
const SUSPENDED_RATE_PCT = 30

function* heating(...[b, h, no, cycles, random]: Parameters<Generator>): Iterable<SeedRow> {
  const isSuspended = random.float() < SUSPENDED_SHARE
  for (const cycle of cycles) {
    const price_e4 = tariffOn(b, cycle.issuedOn).by_area!.find(use => use.use === 'residential')!.unit_price_e4
    const full = feeFen(h.area_e2 * 10, price_e4)
    const amountFen = isSuspended ? Number(divideHalfUp(BigInt(full) * BigInt(SUSPENDED_RATE_PCT), 100n)) : full
    const season = `${cycle.from.slice(0, 4)}-${cycle.to.slice(0, 4)}`
    yield {
      cycle,
      amountFen,
      values: [
        no,
        h.name,
        addressOf(h),
        season,
        yuan(h.area_e2),
        yuan(price_e4 / 100),
        amountFen,
        0,
        0,
        isSuspended ? 'S' : 'A',
        cycle.dueOn,
      ],
    }
  }
}

function* telecom(...[b, h, no, cycles, random, serial]: Parameters<Generator>): Iterable<SeedRow> {
  const plans = tariffOn(b, cycles.at(-1)!.issuedOn).plans!
  const plan = plans[h.thrift < 0.85 ? 0 : h.thrift < 1.25 ? 1 : 2]!
  for (const cycle of cycles) {
    const over = random.float() < 0.2 ? (1 + random.int(6)) * 500 : 0
    const discount = random.float() < 0.1 ? 500 : 0
    const items = [{ name: '套餐月费', amountFen: plan.month_fee_fen }, ...(over > 0 ? [{ name: '超出流量', amountFen: over }] : [])]
    const amountFen = plan.month_fee_fen + over - discount
    yield { cycle, amountFen, values: [no, serial(cycle), cycle.from, plan.zh, items, amountFen, discount, cycle.dueOn] }
  }
}

function* property(...[b, h, no, cycles, random]: Parameters<Generator>): Iterable<SeedRow> {
  const parkingUse = random.float() < 0.35 ? (h.estate.has_lift ? 'underground' : 'surface') : undefined
  for (const cycle of cycles) {
    const tariff = tariffOn(b, lastDayOf(cycle.to))
    const price_e4 = tariff.by_area!.find(use => use.use === (h.estate.has_lift ? 'lift' : 'walk_up'))!.unit_price_e4
    const parking = (tariff.parking!.find(p => p.use === parkingUse)?.month_fee_fen ?? 0) * 3
    const waste = tariff.surcharges.find(s => s.id === 'waste')!.month_fee_fen! * 3
    // The quarter's shared cost in yuan per m²: lifts cost more than stairs with a lamp.
    const shared = feeFen(h.area_e2 * 10, h.estate.has_lift ? 4_000 : 1_000)
    const fees = [feeFen(h.area_e2 * 30, price_e4), parking, shared, waste]
    const amountFen = fees.reduce((sum, fee) => sum + fee, 0)
    const room = `${h.building}-${h.unit}-${h.floor}${String(h.door).padStart(2, '0')}`
    const days = [`${cycle.from}-01`, lastDayOf(cycle.to)]
    yield {
      cycle,
      amountFen,
      values: [no, h.name, room, h.area_e2 / 100, ...days, ...fees.map(fee => fee / 100), amountFen / 100, cycle.dueOn],
    }
  }
}

export const generators: Readonly<Record<BillerId, Generator>> = { water, power, gas, heating, telecom, property }
