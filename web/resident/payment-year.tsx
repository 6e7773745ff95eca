import { day, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, Empty, LinkButton, LinkList, SummaryList } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface PaymentYearView {
  year: number
  payments: readonly { href: string; day: string; what: string; receiptNo: string; paidFen: number; backFen: number }[]
  paidFen: number
  backFen: number
  beforeHref: string
  /** None for the year that runs. */
  nextHref?: string
  csvHref: string
}

/** What was paid in a year, to read, print and keep. */
export function PaymentYearPage({ view }: { view: PaymentYearView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.payments }}>
      <Heading title={t('year.title', { year: view.year })} />
      <div class="stack">
        {view.payments.length === 0 ? (
          <Empty title={t('year.empty', { year: view.year })} />
        ) : (
          <>
            <Card>
              <SummaryList
                rows={[
                  { label: t('year.count'), value: view.payments.length },
                  { label: t('year.paid'), value: <b>¥{yuan(view.paidFen)}</b> },
                  ...(view.backFen > 0
                    ? [
                        { label: t('year.back'), value: `−${yuan(view.backFen)}` },
                        { label: t('year.net'), value: <b>¥{yuan(view.paidFen - view.backFen)}</b> },
                      ]
                    : []),
                ]}
              />
            </Card>
            <LinkList
              rows={view.payments.map(p => ({
                href: p.href,
                title: p.what,
                amount: yuan(p.paidFen),
                note: (
                  <>
                    {day(ctx.lang, p.day)}
                    <br />
                    {p.receiptNo}
                    {p.backFen > 0 && (
                      <>
                        <br />
                        {t('year.back_of', { amount: yuan(p.backFen) })}
                      </>
                    )}
                  </>
                ),
              }))}
            />
            <div class="no-print">
              <LinkButton href={view.csvHref} kind="secondary" icon="file" download wide>
                {t('year.csv')}
              </LinkButton>
            </div>
          </>
        )}
        <nav class="chips no-print" aria-label={t('year.choose')}>
          <a href={view.beforeHref}>{t('year.year', { year: view.year - 1 })}</a>
          {view.nextHref && <a href={view.nextHref}>{t('year.year', { year: view.year + 1 })}</a>}
        </nav>
      </div>
    </Layout>
  )
}

export const paymentYearPage = (ctx: PageContext, view: PaymentYearView): string =>
  renderPage(ctx, <PaymentYearPage view={view} />, { title: t(ctx.lang)('year.title', { year: view.year }) })
