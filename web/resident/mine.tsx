import { dateTime, yuan } from '#web/ui/format.ts'
import { PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, Empty, LinkButton, LinkList, Pager, type PagerView, type Tone } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

/** Hub of a signed-in resident; the name comes from the context. */
export interface MineView {
  /** Whether products are shown, or only how what was ordered stands. */
  products?: 'all' | 'orders'
}

export function MinePage({ view }: { view: MineView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Heading title={ctx.signedIn ? t('mine.hello', { name: ctx.signedIn.name }) : t('mine.title')} />
      <div class="stack stack--loose">
        <LinkList
          rows={[
            { href: paths.dues, title: t('dues.title'), note: t('dues.note') },
            { href: paths.payments, title: t('mine.payments'), note: t('mine.payments_note') },
            { href: paths.households, title: t('mine.households'), note: t('mine.households_note') },
            { href: paths.messages, title: t('messages.title'), note: t('mine.messages_note') },
            { href: paths.debits, title: t('debit.title'), note: t('debit.note') },
            ...(view.products
              ? [
                  {
                    href: paths.products,
                    title: t('product.title'),
                    note: t(view.products === 'all' ? 'product.note' : 'product.note_orders'),
                  },
                ]
              : []),
            { href: paths.readings, title: t('readings.title'), note: t('mine.readings_note') },
            { href: paths.prefs, title: t('prefs.title') },
          ]}
        />
        {ctx.signedIn ? (
          <PostForm action={paths.signOut}>
            <Button kind="secondary" wide>
              {t('mine.sign_out')}
            </Button>
          </PostForm>
        ) : (
          <LinkButton href={paths.signIn} wide>
            {t('sign_in.title')}
          </LinkButton>
        )}
      </div>
    </Layout>
  )
}

export const minePage = (ctx: PageContext, view: MineView = {}): string =>
  renderPage(ctx, <MinePage view={view} />, { title: t(ctx.lang)('mine.title') })

export interface PaymentsView {
  payments: readonly {
    href: string
    service: string
    periodLabel: string
    amountFen: number
    at: Date
    state: 'paid' | 'confirming' | 'refunding' | 'refunded' | 'closed' | 'rescue_asked' | 'rescue_declined'
    /** What staff said to a wrong-payment request. */
    answer?: string
  }[]
  pager: PagerView
  /** All of this year on one page; only where something was paid. */
  yearHref?: string
}

const tones: Partial<Record<PaymentsView['payments'][number]['state'], Tone>> = {
  paid: 'ok',
  confirming: 'warn',
  refunding: 'warn',
  rescue_asked: 'warn',
}

export function PaymentsPage({ view }: { view: PaymentsView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.mine }}>
      <Heading title={t('mine.payments')} />
      {view.yearHref && (
        <p>
          <a href={view.yearHref}>{t('year.link')}</a>
        </p>
      )}
      {view.payments.length === 0 ? (
        <Empty title={t('payments.empty')}>
          <p>{t('payments.empty_text')}</p>
          <LinkButton href={paths.pay}>{t('home.pay')}</LinkButton>
        </Empty>
      ) : (
        <LinkList
          rows={view.payments.map(p => ({
            href: p.href,
            title: p.service,
            amount: yuan(p.amountFen),
            note: (
              <>
                {p.periodLabel}
                <br />
                {dateTime(ctx.lang, p.at)}
                {p.answer && (
                  <>
                    <br />
                    {t('done.rescue_answer', { answer: p.answer })}
                  </>
                )}
              </>
            ),
            tag: { text: t(`payments.state_${p.state}`), tone: tones[p.state] },
          }))}
        />
      )}
      <Pager view={view.pager} />
    </Layout>
  )
}

export const paymentsPage = (ctx: PageContext, view: PaymentsView): string =>
  renderPage(ctx, <PaymentsPage view={view} />, { title: t(ctx.lang)('mine.payments') })
