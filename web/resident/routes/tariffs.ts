import { type Lang, unitPrice, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import type { TariffView } from '../prices.tsx'
import { unitName } from './views.ts'

interface Named {
  readonly zh: string
  readonly en?: string
}

/** What a biller's file may declare as its published prices. */
interface TariffBody {
  readonly period?: string
  readonly tiers?: readonly { no: number; up_to: number | null; unit_price_e4: number }[]
  readonly by_area?: readonly (Named & { unit_price_e4: number })[]
  readonly plans?: readonly (Named & { month_fee_fen: number })[]
  readonly parking?: readonly (Named & { month_fee_fen?: number })[]
  readonly surcharges?: readonly (Named & { unit_price_e4?: number; month_fee_fen?: number })[]
}

interface TariffRow {
  readonly validFrom: string
  readonly validTo: string | null
  readonly body: Record<string, unknown>
}

/** One price list: tiers or classes first, then what is charged besides, each with what its price is for. */
export function tariffView(lang: Lang, unit: string, row: TariffRow): TariffView {
  const body = row.body as TariffBody
  const tr = t(lang)
  const named = ({ zh, en }: Named, no: number): string => (lang === 'en' ? (en ?? tr('prices.class', { no: no + 1 })) : zh)
  const of = unitName(lang, unit)
  const isYearly = body.period === 'year'
  const perUnit = tr('prices.per', { unit: of })
  const perMonth = tr('prices.per', { unit: unitName(lang, 'month') })
  const area =
    body.period === 'season'
      ? tr('prices.per_season', { unit: of })
      : body.period === 'month'
        ? `${perUnit}${tr('list.comma')}${perMonth}`
        : perUnit
  const tiers = (body.tiers ?? []).map((tier, i, all) => {
    const from = i === 0 ? 0 : (all[i - 1]!.up_to ?? 0) + 1
    const range = tier.up_to === null ? tr('prices.range_open', { from, unit: of }) : tr('prices.range', { from, to: tier.up_to, unit: of })
    return {
      name: tr('bill.tier', { no: tier.no }),
      note: isYearly ? tr('prices.a_year', { range }) : range,
      price: unitPrice(tier.unit_price_e4),
    }
  })
  const monthly = (item: Named & { month_fee_fen?: number }, no: number) =>
    item.month_fee_fen === undefined ? [] : [{ name: named(item, no), note: perMonth, price: yuan(item.month_fee_fen) }]
  return {
    validFrom: row.validFrom,
    validTo: row.validTo,
    rows: [
      ...tiers,
      ...(body.by_area ?? []).map((item, no) => ({ name: named(item, no), note: area, price: unitPrice(item.unit_price_e4) })),
      ...(body.plans ?? []).flatMap(monthly),
      ...(body.parking ?? []).flatMap(monthly),
      ...(body.surcharges ?? []).flatMap((item, no) =>
        item.unit_price_e4 === undefined
          ? monthly(item, no)
          : [{ name: named(item, no), note: perUnit, price: unitPrice(item.unit_price_e4) }],
      ),
    ],
  }
}
