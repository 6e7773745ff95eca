import { dayWithYear, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, Empty, Pager, type PagerView, SummaryList } from '#web/ui/parts.tsx'

export interface PastView {
  service: string
  accountMasked: string
  backHref: string
  payments: readonly { paidOn: string; amountFen: number; billNo?: string; channel?: string; paymentNo: string }[]
  pager: PagerView
}

/** What the system before took for an account: to look up, nothing to do. */
export function PastPage({ view }: { view: PastView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: view.backHref }}>
      <Heading title={t('past.title')} lead={t('bills.lead', { service: view.service, account: view.accountMasked })} />
      {view.payments.length === 0 ? (
        <Empty title={t('past.empty')}>
          <p>{t('past.empty_text')}</p>
        </Empty>
      ) : (
        <div class="stack">
          <p class="t-2">{t('past.lead')}</p>
          {view.payments.map(p => (
            <Card key={p.paymentNo}>
              <SummaryList
                rows={[
                  { label: t('past.on'), value: dayWithYear(ctx.lang, p.paidOn) },
                  { label: t('past.amount'), value: <b>¥{yuan(p.amountFen)}</b> },
                  ...(p.channel ? [{ label: t('past.channel'), value: p.channel }] : []),
                  ...(p.billNo ? [{ label: t('past.bill'), value: p.billNo }] : []),
                  { label: t('past.no'), value: p.paymentNo },
                ]}
              />
            </Card>
          ))}
        </div>
      )}
      <Pager view={view.pager} />
    </Layout>
  )
}

export const pastPage = (ctx: PageContext, view: PastView): string =>
  renderPage(ctx, <PastPage view={view} />, { title: t(ctx.lang)('past.title') })
