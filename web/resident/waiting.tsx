import { dateTime } from '#web/ui/format.ts'
import { PostForm } from '#web/ui/forms.tsx'
import { Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, Card, LinkButton, Money, Steps, SummaryList } from '#web/ui/parts.tsx'
import { MoneyBanner, type MoneyState } from './money-state.tsx'
import { paths } from './paths.ts'

export interface WaitingView {
  orderNo: string
  amountFen: number
  service: string
  biller: string
  startedAt: Date
  /** `unknown` until the channel has answered, `not_paid` when it knows of no payment, `charged_pending` once it said paid. */
  money: Extract<MoneyState, 'unknown' | 'charged_pending'> | 'not_paid'
  /** This page again: asks the channel once more. */
  checkHref: string
  /** Answers JSON `{ "href": "/…" }` once there is a result, `{}` before. */
  pollHref: string
  /** The same as a stream of events. */
  liveHref: string
  /** Back to the wallet, when the attempt is still open. */
  payHref?: string
  /** POST that gives the payment up; the money is returned if it moved after all. */
  cancelAction?: string
  idempotencyKey?: string
}

export function WaitingPage({ view }: { view: WaitingView }) {
  const { ctx, t } = usePage()
  const isUnpaid = view.money === 'not_paid'
  const check = (
    <LinkButton href={view.checkHref} kind={isUnpaid ? 'secondary' : undefined} wide>
      {t(isUnpaid ? 'waiting.check_paid' : 'waiting.check')}
    </LinkButton>
  )
  const pay = view.payHref && (
    <LinkButton href={view.payHref} kind={isUnpaid ? undefined : 'secondary'} wide>
      {t(isUnpaid ? 'waiting.pay' : 'waiting.back_to_pay')}
    </LinkButton>
  )
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Steps names={[t('pay.step_scan'), t('pay.step_check'), t('pay.step_done')]} at={isUnpaid ? 2 : 3} />
      <div class="bill-top" data-poll={view.pollHref} data-live={view.liveHref} role="status">
        <h1>{t(isUnpaid ? 'waiting.unpaid' : 'waiting.heading')}</h1>
        <Money fen={view.amountFen} size="xl" />
        <p class="t-2">{t('waiting.to', { service: view.service, biller: view.biller })}</p>
      </div>
      {view.money === 'not_paid' ? (
        <Banner title={t('waiting.unpaid_title')}>
          <p>{t('waiting.unpaid_text')}</p>
        </Banner>
      ) : (
        <MoneyBanner state={view.money} />
      )}
      <div class="sec stack">
        <Card>
          <SummaryList
            rows={[
              { label: t('waiting.order'), value: <span class="code">{view.orderNo}</span> },
              { label: t('waiting.started'), value: dateTime(ctx.lang, view.startedAt) },
            ]}
          />
        </Card>
        {!isUnpaid && <p class="t-2">{t('waiting.long')}</p>}
        {isUnpaid ? pay : check}
        {isUnpaid ? check : pay}
        {view.cancelAction && (
          <PostForm action={view.cancelAction} idempotencyKey={view.idempotencyKey}>
            <Button kind="quiet" wide>
              {t('waiting.cancel')}
            </Button>
          </PostForm>
        )}
      </div>
    </Layout>
  )
}

const refreshS = 5

export const waitingPage = (ctx: PageContext, view: WaitingView): string =>
  renderPage(ctx, <WaitingPage view={view} />, {
    title: t(ctx.lang)(view.money === 'not_paid' ? 'waiting.unpaid' : 'waiting.title'),
    scripts: ['poll.js'],
    refreshS,
  })
