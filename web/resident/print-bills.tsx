import { day, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Empty, Qr } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

/** Served with the sandbox only, so not among the addresses of the product. */
export const DEMO_BILLS = '/demo/bills'

export interface PrintBillsView {
  /** Billers to choose from; `isChosen` is the one shown, none of them where all are. */
  choices: readonly { href: string; service: string; isChosen: boolean }[]
  bills: readonly {
    href: string
    service: string
    biller: string
    accountNo: string
    /** Account, address and holder, masked as far as the biller told them. */
    who: string
    amountFen: number
    dueOn: string
  }[]
}

/** Demonstration bills as they come on paper, eight to a sheet of A4: who is paid, the account, and the code to scan. */
export function PrintBillsPage({ view }: { view: PrintBillsView }) {
  const { t, ctx } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <div class="no-print">
        <Heading title={t('demo.title')} lead={t('demo.lead')} />
        <nav class="chips" aria-label={t('demo.choose')}>
          {[{ href: DEMO_BILLS, service: t('demo.all'), isChosen: !view.choices.some(choice => choice.isChosen) }, ...view.choices].map(
            choice => (
              <a key={choice.href} href={choice.href} aria-current={choice.isChosen ? 'page' : undefined}>
                {choice.service}
              </a>
            ),
          )}
        </nav>
      </div>
      {view.bills.length === 0 && <Empty title={t('demo.none')} />}
      <ul class="bill-slips">
        {view.bills.map(bill => (
          <li key={bill.href} class="card bill-slip">
            <Qr text={bill.href} label={t('demo.code')} />
            <div>
              <h2>
                {bill.service} {yuan(bill.amountFen)}
              </h2>
              <p class="t-2">
                {bill.biller}
                <br />
                {t('demo.account', { no: bill.accountNo })}
                {bill.who && <br />}
                {bill.who}
                <br />
                {t('bills.due', { due: day(ctx.lang, bill.dueOn) })}
              </p>
              <a class="no-print" href={new URL(bill.href).pathname}>
                {t('demo.open', { service: bill.service, no: bill.accountNo })}
              </a>
            </div>
          </li>
        ))}
      </ul>
    </Layout>
  )
}

export const printBillsPage = (ctx: PageContext, view: PrintBillsView): string =>
  renderPage(ctx, <PrintBillsPage view={view} />, { title: t(ctx.lang)('demo.title') })
