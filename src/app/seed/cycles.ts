import { addDays } from '#kernel/time.ts'
import type { BillerId } from './content.ts'

/** One file of one biller: the months it bills, when it is issued and due. */
export interface Cycle {
  /** 'YYYY-MM' */
  readonly from: string
  readonly to: string
  readonly issuedOn: string
  readonly dueOn: string
}

export const addMonths = (month: string, count: number): string => {
  const index = Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1 + count
  return `${Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}`
}

export const lastDayOf = (month: string): string => addDays(`${addMonths(month, 1)}-01`, -1)

const monthNumber = (month: string): number => Number(month.slice(5))

/** The cycle of a biller that ends with `month`, if one does. */
function cycleEnding(biller: BillerId, month: string): Cycle | undefined {
  const n = monthNumber(month)
  const next = addMonths(month, 1)
  switch (biller) {
    case 'power':
      return { from: month, to: month, issuedOn: `${month}-25`, dueOn: `${next}-20` }
    case 'telecom':
      return { from: month, to: month, issuedOn: `${month}-26`, dueOn: `${next}-28` }
    case 'water':
      return n % 2 === 0 ? { from: addMonths(month, -1), to: month, issuedOn: `${next}-01`, dueOn: lastDayOf(next) } : undefined
    case 'gas':
      return n % 2 === 0 ? { from: addMonths(month, -1), to: month, issuedOn: `${next}-01`, dueOn: `${next}-25` } : undefined
    case 'property':
      return n % 3 === 0 ? { from: addMonths(month, -2), to: month, issuedOn: `${month}-05`, dueOn: lastDayOf(next) } : undefined
    case 'heating':
      return n === 3
        ? { from: addMonths(month, -4), to: month, issuedOn: `${addMonths(month, -5)}-08`, dueOn: `${addMonths(month, -3)}-31` }
        : undefined
  }
}

const COUNTS: Readonly<Record<BillerId, number>> = { power: 12, telecom: 12, water: 6, gas: 6, property: 4, heating: 2 }

/** The newest year of cycles issued by `today`, oldest first. */
export function listCycles(biller: BillerId, today: string): Cycle[] {
  const out: Cycle[] = []
  // A season is issued half a year before it ends.
  for (let back = -6; out.length < COUNTS[biller]; back++) {
    const cycle = cycleEnding(biller, addMonths(today.slice(0, 7), -back))
    if (cycle && cycle.issuedOn <= today) out.unshift(cycle)
  }
  return out
}
