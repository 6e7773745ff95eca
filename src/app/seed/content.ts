import { readFileSync } from 'node:fs'
import type { BillerConfig, Mapping } from '#modules/billing/index.ts'

export interface Tier {
  readonly no: number
  readonly up_to: number | null
  readonly unit_price_e4: number
}

export interface Tariff {
  readonly id: string
  readonly valid_from: string
  readonly valid_to: string | null
  readonly tiers?: readonly Tier[]
  readonly by_area?: readonly { readonly use: string; readonly unit_price_e4: number }[]
  readonly plans?: readonly { readonly id: string; readonly zh: string; readonly month_fee_fen: number }[]
  readonly parking?: readonly { readonly use: string; readonly month_fee_fen?: number }[]
  readonly surcharges: readonly { readonly id: string; readonly unit_price_e4?: number; readonly month_fee_fen?: number }[]
}

export type BillerId = 'water' | 'power' | 'gas' | 'heating' | 'telecom' | 'property'

export interface BillerContent {
  readonly id: BillerId
  readonly zh: string
  readonly en: string
  readonly service_zh: string
  readonly service_en: string
  readonly unit: string
  readonly cycle_months: number
  readonly account: BillerConfig['account']
  readonly late_fee: BillerConfig['late_fee']
  readonly partial_payment: BillerConfig['partial_payment']
  readonly posting_window_min: number
  readonly share_of_households: number
  readonly on_time_share: number
  readonly seasonality: readonly number[]
  readonly typical_use_per_month: { readonly low: number; readonly median: number; readonly high: number }
  readonly tariffs: readonly Tariff[]
  readonly mapping: Mapping
  /** How the system before this one wrote what it took; absent where nothing is brought along. */
  readonly payments_mapping?: unknown
}

export interface Estate {
  readonly id: string
  readonly zh: string
  readonly community: string
  readonly cell: string
  readonly households: number
  readonly has_lift: boolean
  readonly buildings: number
  readonly floors: number
  readonly central_heating: boolean
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`content/${name}`, import.meta.url), 'utf8'))

export const billers = (read('billers.json') as { billers: BillerContent[] }).billers
export const town = read('town.json') as {
  subdistrict: { code: string; zh: string; en: string; households: number }
  communities: { id: string; code: string; zh: string; en: string }[]
  cells: { id: string; code: string; zh: string; en: string; community: string }[]
  estates: Estate[]
}

export function getBiller(id: BillerId): BillerContent {
  const found = billers.find(b => b.id === id)
  if (!found) throw new Error(`no biller ${id} in the content`)
  return found
}

/** The price list in force on a day; the first one for days before all of them. */
export const tariffOn = (biller: BillerContent, day: string): Tariff =>
  biller.tariffs.find(t => t.valid_from <= day && (t.valid_to === null || t.valid_to >= day)) ?? biller.tariffs[0]!
