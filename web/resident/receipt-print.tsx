import { stamp, yuan } from '#web/ui/format.ts'
import { Brand } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Qr } from '#web/ui/parts.tsx'
import { type ReceiptView, receiptRows } from '#web/ui/receipt.tsx'
import { paths } from './paths.ts'

export interface PrintView {
  receipt: ReceiptView
  /** Short code printed beside the symbol, for typing. */
  verifyCode: string
  /** Where to type it: host and path, without the scheme. */
  verifyAt: string
  printedAt: Date
  backHref: string
  /** Printed again at the desk. */
  isCopy?: boolean
}

/** What stands on the paper; a main part of its own, or a part of a page that prints it. */
export function ReceiptPaper({ view, isPart }: { view: Omit<PrintView, 'backHref'>; isPart?: boolean }) {
  const { ctx, t } = usePage()
  const { receipt } = view
  const title = t(view.isCopy ? 'print.title_copy' : 'print.title')
  return (
    <>
      <header>
        <Brand href={paths.home} place={ctx.tenantName} />
        {isPart ? <h2>{title}</h2> : <h1>{title}</h1>}
      </header>
      <p class="paper__amount">¥{yuan(receipt.amountFen)}</p>
      {receipt.back && !receipt.back.isPart && <p class="paper__void">{t('print.void')}</p>}
      <dl class="paper__rows">
        {[
          { label: t('bill.item'), value: t('bill.heading', { service: receipt.service, period: receipt.periodLabel }) },
          { label: t('print.payer'), value: receipt.biller },
          ...receiptRows(ctx.lang, receipt),
        ].map(row => (
          <div key={row.label}>
            <dt>{row.label}</dt>
            <dd>{row.value}</dd>
          </div>
        ))}
      </dl>
      <Qr text={receipt.verifyUrl} label={t('done.qr')} />
      <p>
        {t('print.verify_code')} <b class="code">{view.verifyCode}</b>
      </p>
      <p>{t('print.verify_at', { url: view.verifyAt })}</p>
      <p class="t-3">
        {t('print.note')}
        <br />
        {t('print.copy', { at: stamp(ctx.lang, view.printedAt) })}
      </p>
    </>
  )
}

/** The same receipt on an 80 mm slip or on A4; the sheet sets the paper. */
export function ReceiptPrintPage({ view, paper }: { view: PrintView; paper: '80mm' | 'a4' }) {
  const { t } = usePage()
  return (
    <main id="main" class={`paper paper--${paper}`}>
      <nav class="no-print paper__bar">
        <a class="back" href={view.backHref}>
          {t('layout.back')}
        </a>
        <button type="button" class="btn" data-print hidden>
          {t('print.button')}
        </button>
        <span class="t-3">{t('print.how')}</span>
      </nav>
      <ReceiptPaper view={view} />
    </main>
  )
}

const sheets = { '80mm': 'print80.css', a4: 'print-a4.css' } as const

export const receiptPrintPage = (ctx: PageContext, view: PrintView, paper: '80mm' | 'a4'): string =>
  renderPage(ctx, <ReceiptPrintPage view={view} paper={paper} />, {
    title: t(ctx.lang)('print.title'),
    sheet: sheets[paper],
    scripts: ['print.js'],
  })
