import type { ProductState } from '#modules/billing/index.ts'
import { paths } from '#web/resident/paths.ts'
import { dateTime, time } from '#web/ui/format.ts'
import { PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, LinkButton, Section, SummaryList } from '#web/ui/parts.tsx'
import { Terms } from './product.tsx'

export interface OrderingView {
  name: string
  biller: string
  accountMasked: string
  state: ProductState
  isFree: boolean
  /** What the company said when it refused. */
  failure?: string
  at: Date
  /** Word for word as agreed to. */
  wording: string
  wordingLang: string
  /** Its payment, open or paid. */
  paymentHref?: string
  offerHref: string
  undo?: { action: string; until: Date }
  refreshS?: number
}

const BANNERS = { done: 'ok', refused: 'bad', taken_back: 'now', unpaid: 'now', paying: 'warn' } as const

/** How an ordering stands, what can be done about it, and what was agreed to. */
export function OrderingPage({ view }: { view: OrderingView }) {
  const { ctx, t } = usePage()
  const { state } = view
  const text =
    state === 'refused' && view.isFree
      ? 'product.text_refused_free'
      : state === 'taken_back' && view.isFree
        ? 'product.undone_text'
        : (`product.text_${state}` as const)
  return (
    <Layout back={{ href: paths.products }}>
      <Heading title={t('product.ordered_title', { name: view.name })} />
      <div class="stack">
        <Banner tone={state in BANNERS ? BANNERS[state as keyof typeof BANNERS] : 'now'} title={t(`product.state_${state}`)} live>
          <p>{t(text, { biller: view.biller })}</p>
          {view.failure && /[\u4e00-\u9fff]|\s/.test(view.failure) && <p>{view.failure}</p>}
        </Banner>
        <div class="card">
          <SummaryList
            rows={[
              { label: t('product.biller'), value: view.biller },
              { label: t('product.account'), value: view.accountMasked },
            ]}
          />
        </div>
        {view.paymentHref && (
          <LinkButton href={view.paymentHref} kind={state === 'paying' ? undefined : 'secondary'} wide>
            {t(state === 'paying' ? 'product.go_pay' : 'product.see_payment')}
          </LinkButton>
        )}
        {view.undo && (
          <PostForm action={view.undo.action} class="card stack">
            <p class="t-2">{t('product.undo_until', { until: time(view.undo.until) })}</p>
            <Button kind="secondary" icon="undo" wide>
              {t('product.undo')}
            </Button>
          </PostForm>
        )}
        {['unpaid', 'refused', 'taken_back'].includes(state) && (
          <LinkButton href={view.offerHref} kind="secondary" wide>
            {t('product.order_again')}
          </LinkButton>
        )}
      </div>
      <Section title={t('product.agreed')}>
        <div class="stack">
          <p class="t-2">{t('product.agreed_on', { when: dateTime(ctx.lang, view.at) })}</p>
          <Terms text={view.wording} lang={view.wordingLang} />
        </div>
      </Section>
    </Layout>
  )
}

export const orderingPage = (ctx: PageContext, view: OrderingView): string =>
  renderPage(ctx, <OrderingPage view={view} />, {
    title: t(ctx.lang)('product.ordered_title', { name: view.name }),
    ...(view.refreshS && { refreshS: view.refreshS }),
  })
