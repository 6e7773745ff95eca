import { waiting } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { LinkButton, PhoneButton } from '#web/ui/parts.tsx'
import { MoneyBanner, type MoneyState } from './money-state.tsx'
import { paths } from './paths.ts'

export interface ErrorView {
  status: 403 | 404 | 409 | 429 | 500 | 503
  /** Given when the failed request could have moved money. */
  money?: MoneyState
  requestId: string
  /** Where to try again; a GET that is safe to repeat. */
  retryHref?: string
  retryAfterS?: number
}

const waitDefaultS = 60

/** What happened, whether money moved, what to do. */
export function ErrorPage({ view }: { view: ErrorView }) {
  const { ctx, t } = usePage()
  const hasMoved = view.money !== undefined && view.money !== 'not_charged'
  const wait = waiting(ctx.lang, view.retryAfterS ?? waitDefaultS)
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Heading title={t(`err.${view.status}.title`)} lead={t(`err.${view.status}.text`, { wait })} />
      {view.money && <MoneyBanner state={view.money} />}
      <div class="sec stack">
        {hasMoved ? (
          <LinkButton href={paths.payments} wide>
            {t('err.see_payments')}
          </LinkButton>
        ) : (
          view.retryHref && (
            <LinkButton href={view.retryHref} wide>
              {t('action.retry')}
            </LinkButton>
          )
        )}
        {view.status === 403 && !ctx.signedIn && (
          <LinkButton href={paths.signIn} wide>
            {t('err.sign_in')}
          </LinkButton>
        )}
        <PhoneButton />
        <p class="t-3 t-sm">{t('err.request', { id: view.requestId })}</p>
      </div>
    </Layout>
  )
}

export const errorPage = (ctx: PageContext, view: ErrorView): string =>
  renderPage(ctx, <ErrorPage view={view} />, { title: t(ctx.lang)(`err.${view.status}.title`), hasError: true })
