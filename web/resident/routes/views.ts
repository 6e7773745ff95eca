import { publicUrl } from '#kernel/config.ts'
import type { Ctx, Lang } from '#kernel/context.ts'
import { monthName, periodLabel } from '#kernel/labels.ts'
import { addMs, dayOf } from '#kernel/time.ts'
import { type BillForPayer, type BillState, dueFen, POSTING, type Precheck, type Receipt } from '#modules/billing/index.ts'
import { CARD, DEBIT, PREPAID, UNDO_MS_MAX } from '#modules/payments/index.ts'
import type { TierView } from '#web/ui/charts.tsx'
import { dateTime, day, yuan } from '#web/ui/format.ts'
import { t } from '#web/ui/messages.ts'
import type { ReceiptView } from '#web/ui/receipt.tsx'
import type { BillView, PrecheckView } from '../bill.tsx'
import { paths } from '../paths.ts'
import type { MoneyBack } from './money-back.ts'
import { partsView } from './parts.ts'

export const billerName = (lang: Lang, biller: BillState['biller']): string => (lang === 'en' ? biller.nameEn : biller.nameZh)
export const serviceName = (lang: Lang, biller: BillState['biller']): string => (lang === 'en' ? biller.serviceEn : biller.serviceZh)

/** The last four digits, in one piece on every line. */
export const maskedAccount = (accountNo: string): string => `****\u00a0${accountNo.slice(-4)}`

interface LineNames {
  readonly bill?: {
    readonly lines?: readonly { readonly item: string; readonly name: string; readonly name_en?: string }[]
    readonly lines_from?: { readonly names_en?: Readonly<Record<string, string>> }
  }
}

/**
 * What a fee line is called. Bills keep the words of the biller's file; the English ones stand in the layout of that file.
 * A line no layout names is the service itself where it is the only one, else it is numbered.
 */
export function feeLineName(lang: Lang, biller: BillState['biller'], lines: readonly { item: string; name: string }[], at: number): string {
  const line = lines[at]!
  if (lang !== 'en') return line.name
  for (const { bill } of Object.values(biller.config.mappings) as LineNames[]) {
    const name = bill?.lines?.find(l => l.item === line.item && l.name === line.name)?.name_en ?? bill?.lines_from?.names_en?.[line.name]
    if (name) return name
  }
  return lines.length === 1 || line.name === biller.serviceZh ? biller.serviceEn : t(lang)('bill.line_other', { no: at + 1 })
}

/** A unit of use in words a resident knows. */
export function unitName(lang: Lang, unit: string): string {
  const words: Readonly<Record<string, string>> =
    lang === 'en' ? { m3: 'm³', m2: 'm²' } : { m3: 'm³', m2: 'm²', kWh: '度', month: '月', day: '天', GB: 'GB' }
  return words[unit] ?? unit
}

/** What of a biller's is paid: the period of a bill, the name of what was ordered. */
export const partLabel = (lang: Lang, bill: BillState['bill']): string =>
  bill.product ? (lang === 'en' ? bill.product.nameEn : bill.product.nameZh) : periodLabel(lang, bill.periodFrom, bill.periodTo)

/** The page of what an order pays: the bill, or the ordering. */
export const subjectHref = ({ code, accountId, product }: BillState['bill']): string =>
  product?.isTopUp ? `${paths.prepaid}/${accountId}` : product ? `${paths.orderings}/${code}` : `/b/${code}`

/** Months under a column, where there is little room: 9–10, Sep–Oct. */
function shortPeriod(lang: Lang, from: string, to: string): string {
  const [a, b] = [Number(from.slice(5)), Number(to.slice(5))]
  if (lang === 'en') return a === b ? monthName(b) : `${monthName(a)}–${monthName(b)}`
  return a === b ? `${b}` : `${a}–${b}`
}

const sameLastYear = (from: string, to: string) => (a: { periodFrom: string; periodTo: string }) =>
  a.periodFrom.slice(5) === from.slice(5) &&
  a.periodTo.slice(5) === to.slice(5) &&
  Number(a.periodTo.slice(0, 4)) === Number(to.slice(0, 4)) - 1

/** What a resident reads of one check; undefined for what needs no words. */
export function checkView(lang: Lang, state: BillState, check: Precheck): PrecheckView | undefined {
  const params = check.params ?? {}
  switch (check.key) {
    case 'unpaid':
      return { level: 'ok', key: state.parts.length > 0 ? 'rest_not_paid' : 'not_paid' }
    case 'account_ok':
      return { level: 'ok', key: 'account_ok' }
    case 'biller_ok':
      return { level: 'ok', key: 'biller_ok', params: { biller: billerName(lang, state.biller) } }
    case 'paid':
      return { level: 'stop', key: 'already_paid' }
    case 'paying':
      return { level: 'stop', key: 'being_paid', params: { minutes: Number(params.minutes) } }
    case 'paying_odd':
      return { level: 'stop', key: 'being_decided' }
    case 'debiting':
      return { level: 'stop', key: 'in_debit', params: { on: day(lang, String(params.on)) } }
    case 'closed':
      return { level: 'stop', key: 'account_closed' }
    case 'withdrawn':
      return { level: 'stop', key: 'superseded' }
    case 'offline':
      return {
        level: 'warn',
        key: 'biller_offline',
        params: { biller: billerName(lang, state.biller), at: dateTime(lang, state.bill.asOf) },
      }
    case 'late_fee':
      return { level: 'warn', key: 'late_fee', params: { amount: yuan(Number(params.fen)) } }
    case 'amount_high':
      return { level: 'warn', key: 'amount_far', params: { times: (Number(params.times_e1) / 10).toFixed(1) } }
    case 'not_open':
      return {
        level: 'stop',
        key: params.from ? 'not_open_yet' : 'not_open',
        ...(params.from && { params: { at: dateTime(lang, new Date(String(params.from))) } }),
      }
    case 'disputed':
    case 'correcting':
      return { level: 'warn', key: check.key }
    case 'older_open':
      return { level: 'warn', key: 'older_open', params: { count: Number(params.count) } }
    case 'paying_here':
    case 'due_soon':
      return undefined
  }
}

interface TariffBody {
  readonly tiers?: readonly { readonly no: number; readonly up_to: number | null }[]
  readonly period?: string
}

function tiersOf(lang: Lang, found: BillForPayer): TierView[] {
  const { tiers, period } = (found.tariff?.body ?? {}) as TariffBody
  // A tier over a year cannot be drawn against the use of one period.
  if (!tiers || period !== 'month') return []
  return tiers.map((tier, i) => ({
    name: t(lang)('bill.tier', { no: tier.no }),
    from: i === 0 ? 0 : (tiers[i - 1]!.up_to ?? 0) + 1,
    upTo: tier.up_to,
  }))
}

/** What the masks leave when there was nothing to mask. */
const EMPTY_MASKS = new Set(['***', '**', ''])

/** Address and holder, masked, as far as the biller told them. */
export const namesOf = (lang: Lang, { addressMask, holderMask }: { addressMask: string; holderMask: string }): string[] => [
  ...(EMPTY_MASKS.has(addressMask) ? [] : [addressMask]),
  ...(EMPTY_MASKS.has(holderMask) ? [] : [t(lang)('bill.holder', { name: holderMask })]),
]

/** Whose bill it is: 户号 **** 8315，青砖一村***，户主张**. */
const whoOf = (lang: Lang, bill: BillForPayer['bill']): string =>
  [t(lang)('bill.account', { no: maskedAccount(bill.accountNo) }), ...namesOf(lang, bill)].join(t(lang)('list.comma'))

export function billView(
  ctx: Ctx,
  found: BillForPayer,
  { olderHref, ...extra }: Pick<BillView, 'payAction' | 'idempotencyKey' | 'ways'> & Partial<BillView> & { olderHref: string },
): BillView {
  const { lang } = ctx
  const { bill, biller } = found
  const today = dayOf(ctx.kernel.clock.now())
  const isSame = sameLastYear(bill.periodFrom, bill.periodTo)
  const earlier = found.history.slice(0, 6).reverse()
  return {
    biller: billerName(lang, biller),
    service: serviceName(lang, biller),
    periodLabel: periodLabel(lang, bill.periodFrom, bill.periodTo),
    // What is over asks for nothing: its own amount is what it was about.
    amountFen: dueFen(found) || bill.amountFen,
    lateFeeFen: found.lateFeeFen,
    ...(found.rebateFen > 0 && { rebateFen: found.rebateFen }),
    ...partsView(found, `/b/${bill.code}`),
    ...(!found.checks.some(check => check.key === 'paid') && { due: { on: bill.dueOn, isOver: bill.dueOn < today } }),
    who: whoOf(lang, bill),
    precheck: found.checks.flatMap(check => {
      const shown = checkView(lang, found, check)
      const isOwnDebit = check.key === 'debiting' && ctx.actor.kind === 'resident' && found.claim?.payer === `resident:${ctx.actor.id}`
      const isDispute = check.key === 'disputed' || check.key === 'correcting'
      const href = check.key === 'older_open' ? olderHref : isOwnDebit ? paths.debits : isDispute ? `/b/${bill.code}/dispute` : undefined
      return shown ? [{ ...shown, ...(href && { href }) }] : []
    }),
    lines: bill.lines.map((line, at) => ({
      name: feeLineName(lang, biller, bill.lines, at),
      amountFen: line.amount_fen,
      ...(line.quantity_e3 !== undefined && {
        quantity: line.quantity_e3 / 1000,
        unit: unitName(lang, biller.unit),
      }),
      ...(line.unit_price_e4 !== undefined && { unitPriceE4: line.unit_price_e4 }),
    })),
    ...(bill.readingFromE3 !== null &&
      bill.readingToE3 !== null &&
      bill.usageE3 !== null && {
        reading: {
          from: bill.readingFromE3 / 1000,
          to: bill.readingToE3 / 1000,
          usage: bill.usageE3 / 1000,
          unit: unitName(lang, biller.unit),
          tiers: tiersOf(lang, found),
        },
      }),
    history: [
      ...earlier.map((h, i) => ({
        label: shortPeriod(lang, h.periodFrom, h.periodTo),
        usage: (h.usageE3 ?? 0) / 1000,
        amountFen: h.amountFen,
        kind: isSame(h) ? ('compare' as const) : i === earlier.length - 1 ? ('recent' as const) : ('older' as const),
      })),
      {
        label: shortPeriod(lang, bill.periodFrom, bill.periodTo),
        usage: (bill.usageE3 ?? 0) / 1000,
        amountFen: bill.amountFen,
        kind: 'this' as const,
      },
    ],
    quote: found.quote,
    ...extra,
  }
}

export const channelName = (lang: Lang, channel: string): string =>
  channel === 'alipay'
    ? t(lang)('way.alipay')
    : channel === 'wechat'
      ? t(lang)('way.wechat')
      : channel === 'cash'
        ? t(lang)('way.cash_short')
        : channel === DEBIT
          ? t(lang)('way.bank')
          : channel === PREPAID
            ? t(lang)('way.prepaid')
            : channel === CARD
              ? t(lang)('way.card')
              : channel

/** Where money that goes back arrives. */
export const wayBack = (lang: Lang, channel: string): string => (channel === DEBIT ? t(lang)('debit.way_card') : channelName(lang, channel))

/** Text of a receipt's code: our address, the entry that proves it, and its leaf once sealed. At most 600 bytes. */
export const verifyCodeOf = (receipt: Receipt, leaf?: string): string => (leaf ? `${receipt.entryId}.${leaf}` : receipt.entryId)
export const verifyUrlOf = (ctx: Ctx, receipt: Receipt, leaf?: string): string =>
  `${publicUrl(ctx.kernel.config)}/verify?c=${verifyCodeOf(receipt, leaf)}`

export const receiptView = (ctx: Ctx, receipt: Receipt, leaf?: string, back?: MoneyBack): ReceiptView => ({
  receiptNo: receipt.receiptNo,
  service: serviceName(ctx.lang, receipt.biller),
  periodLabel: partLabel(ctx.lang, receipt.bill),
  biller: billerName(ctx.lang, receipt.biller),
  amountFen: receipt.amountFen,
  ...(receipt.payerFen !== undefined && { payerFen: receipt.payerFen }),
  paidAt: receipt.paidAt,
  accountMasked: `**** ${receipt.bill.accountNo.slice(-4)}`,
  channel: channelName(ctx.lang, receipt.channel),
  ...(receipt.isPart && { isPart: true }),
  ...(receipt.rebateFen > 0 && { rebateFen: receipt.rebateFen }),
  ...(back && { back: { amountFen: back.amountFen, isPart: back.cause === 'part', ...(back.doneAt && { doneAt: back.doneAt }) } }),
  verifyUrl: verifyUrlOf(ctx, receipt, leaf),
})

export const postingOf = (receipt: Receipt): 'held' | 'sent' | 'posted' | 'refused' | 'kept' => {
  if (receipt.bill.product?.isTopUp) return 'kept'
  const state = receipt.posting?.state
  if (state === POSTING.posted) return 'posted'
  if (state === POSTING.rejected || state === POSTING.reversed) return 'refused'
  return state === POSTING.sent || state === POSTING.unknown ? 'sent' : 'held'
}

/** When the biller will know at the latest, in the ordinary course of things. */
export const postedBy = (receipt: Receipt): Date => addMs(receipt.paidAt, UNDO_MS_MAX + receipt.biller.config.posting_window_min * 60_000)

/** The text fields of a query or a form; anything else that was sent is left out. */
export const textsOf = (source: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries((source ?? {}) as Record<string, unknown>).flatMap(([k, v]) => (typeof v === 'string' ? [[k, v]] : [])))
