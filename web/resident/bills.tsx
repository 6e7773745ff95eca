import { day, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Empty, LinkButton, LinkList } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface BillsView {
  service: string
  accountMasked: string
  bills: readonly { href: string; periodLabel: string; billNo: string; amountFen: number; dueOn: string; isOverdue: boolean }[]
  /** The biller takes the oldest bill first. */
  isOldestFirst: boolean
  /** With no bill: when the next one is expected. */
  nextOn?: string
  backHref?: string
}

/** Open bills of one account. */
export function BillsPage({ view }: { view: BillsView }) {
  const { ctx, t } = usePage()
  // Two bills of one period look alike but for their numbers.
  const isAlone = (label: string): boolean => view.bills.filter(b => b.periodLabel === label).length === 1
  const total = view.bills.reduce((sum, b) => sum + b.amountFen, 0)
  return (
    <Layout back={{ href: view.backHref ?? paths.pay }}>
      <Heading title={t('bills.title')} lead={t('bills.lead', { service: view.service, account: view.accountMasked })} />
      {view.bills.length === 0 ? (
        <Empty title={t('bills.empty')}>
          {view.nextOn && <p>{t('bills.empty_next', { on: day(ctx.lang, view.nextOn) })}</p>}
          <LinkButton href={paths.pay} kind="secondary">
            {t('bills.back')}
          </LinkButton>
        </Empty>
      ) : (
        <div class="stack">
          {view.isOldestFirst && view.bills.length > 1 && <Banner title={t('bills.oldest_first')} />}
          <LinkList
            rows={view.bills.map(b => ({
              href: b.href,
              title: b.periodLabel,
              note: (
                <>
                  {b.isOverdue ? <span class="t-bad">{t('bills.overdue')}</span> : t('bills.due', { due: day(ctx.lang, b.dueOn) })}
                  {!isAlone(b.periodLabel) && <> · {t('bills.no', { no: b.billNo })}</>}
                </>
              ),
              end: `¥${yuan(b.amountFen)}`,
            }))}
          />
          <p class="t-2 t-end">{t('bills.total', { n: view.bills.length, amount: yuan(total) })}</p>
        </div>
      )}
    </Layout>
  )
}

export const billsPage = (ctx: PageContext, view: BillsView): string =>
  renderPage(ctx, <BillsPage view={view} />, { title: t(ctx.lang)('bills.title') })
