import { dateTime, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { LinkButton, PhoneButton } from '#web/ui/parts.tsx'
import { MoneyBanner } from './money-state.tsx'
import { paths } from './paths.ts'

export interface AlreadyPaidView {
  service: string
  periodLabel: string
  paidAt: Date
  channel: string
  amountFen: number
  /** Only when this visitor paid it or holds the account. */
  receiptHref?: string
  /** Set when this visit tried to pay: says that nothing was taken now. */
  triedNow?: boolean
}

/** Stands between a paid bill and a second payment. */
export function AlreadyPaidPage({ view }: { view: AlreadyPaidView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <p class="t-2 heading-over">{t('bill.heading', { service: view.service, period: view.periodLabel })}</p>
      <Heading
        title={t('paid.title')}
        lead={t('paid.lead', { at: dateTime(ctx.lang, view.paidAt), way: view.channel, amount: yuan(view.amountFen) })}
      />
      {view.triedNow && <MoneyBanner state="not_charged" />}
      <div class="sec stack">
        {view.receiptHref ? (
          <LinkButton href={view.receiptHref} wide>
            {t('paid.receipt')}
          </LinkButton>
        ) : (
          <p class="t-2">{t('paid.no_receipt')}</p>
        )}
        <LinkButton href={paths.pay} kind="secondary" wide>
          {t('paid.other')}
        </LinkButton>
        <PhoneButton />
      </div>
    </Layout>
  )
}

export const alreadyPaidPage = (ctx: PageContext, view: AlreadyPaidView): string =>
  renderPage(ctx, <AlreadyPaidPage view={view} />, { title: t(ctx.lang)('paid.title') })
