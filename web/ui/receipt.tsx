import { type Lang, stamp, yuan } from './format.ts'
import { t as messages } from './messages.ts'
import { usePage } from './page.tsx'
import { Money, Qr, SummaryList } from './parts.tsx'

export interface ReceiptView {
  receiptNo: string
  service: string
  periodLabel: string
  biller: string
  /** What the bill asked for. */
  amountFen: number
  /** What the payer's wallet gave, when a discount made it less. */
  payerFen?: number
  paidAt: Date
  accountMasked: string
  /** It paid only a part of the bill. */
  isPart?: boolean
  /** What paying early cost less: it counts as paid. */
  rebateFen?: number
  /** Name of the channel in the language of the page: 微信支付, 现金. */
  channel: string
  /** Set when the money went back, or is on its way: a copy must not look like a payment that stands. */
  back?: { amountFen: number; isPart: boolean; doneAt?: Date }
  /** Text of the code: address of the check page with the receipt's token. */
  verifyUrl: string
}

/** Rows of a receipt, the same on the page, the slip, A4 and PDF. */
export function receiptRows(lang: Lang, view: ReceiptView): { label: string; value: string }[] {
  const t = messages(lang)
  const { back } = view
  return [
    { label: t('done.receipt_no'), value: view.receiptNo },
    { label: t('done.time'), value: stamp(lang, view.paidAt) },
    { label: t('done.account'), value: view.accountMasked },
    { label: t('done.way'), value: view.channel },
    ...(view.isPart ? [{ label: t('part.kind'), value: t('part.receipt') }] : []),
    ...(view.rebateFen ? [{ label: t('part.rebate_item'), value: `−${yuan(view.rebateFen)}` }] : []),
    ...(view.payerFen !== undefined && view.payerFen !== view.amountFen
      ? [
          { label: t('done.discount'), value: `−${yuan(view.amountFen - view.payerFen)}` },
          { label: t('done.payer_total'), value: yuan(view.payerFen) },
        ]
      : []),
    ...(back
      ? [
          {
            label: t('done.back'),
            value: back.doneAt
              ? t('done.back_at', { amount: yuan(back.amountFen), at: stamp(lang, back.doneAt) })
              : t('done.refund', { amount: yuan(back.amountFen) }),
          },
        ]
      : []),
  ]
}

/** Paper a person keeps: the only thing with a torn edge. */
export function Receipt({ view, note }: { view: ReceiptView; note?: string }) {
  const { ctx, t } = usePage()
  return (
    <article class="receipt" aria-label={t('done.receipt')}>
      <p class="t-2">{t('bill.heading', { service: view.service, period: view.periodLabel })}</p>
      <Money fen={view.amountFen} size="xl" />
      <hr class="receipt__rule" />
      <SummaryList rows={receiptRows(ctx.lang, view)} />
      <div class="receipt__tear" role="presentation" />
      <div class="row receipt__proof">
        <Qr text={view.verifyUrl} label={t('done.qr')} />
        <div class="t-sm t-2 stack stack--tight">
          <p>{t('done.qr_text')}</p>
          {note && <p>{note}</p>}
        </div>
      </div>
    </article>
  )
}
