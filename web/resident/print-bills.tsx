import { yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, LinkButton, Qr } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface PrintBillsView {
  bills: readonly { href: string; service: string; biller: string; accountNo: string; addressMasked: string; amountFen: number }[]
}

/** Demonstration bills as they come on paper: who is paid, the account, and the code to scan. */
export function PrintBillsPage({ view }: { view: PrintBillsView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Heading title={t('demo.title')} lead={t('demo.lead')} />
      <div class="stack">
        {view.bills.map(bill => (
          <Card key={bill.href} kind="stack">
            <h2>
              {bill.service} {yuan(bill.amountFen)}
            </h2>
            <p class="t-2">
              {bill.biller}
              <br />
              {t('demo.account', { no: bill.accountNo })}
              <br />
              {bill.addressMasked}
            </p>
            <Qr text={bill.href} label={t('demo.code')} />
            <LinkButton href={new URL(bill.href).pathname} kind="link">
              {t('demo.open', { service: bill.service, no: bill.accountNo })}
            </LinkButton>
          </Card>
        ))}
      </div>
    </Layout>
  )
}

export const printBillsPage = (ctx: PageContext, view: PrintBillsView): string =>
  renderPage(ctx, <PrintBillsPage view={view} />, { title: t(ctx.lang)('demo.title') })
