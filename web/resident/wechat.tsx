import { Hidden, PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, LinkButton, PhoneButton } from '#web/ui/parts.tsx'
import { MoneyBanner } from './money-state.tsx'

export interface OpenBrowserView {
  billHref: string
  payAction: string
  quote: string
  idempotencyKey: string
}

/** Inside WeChat without script the wallet cannot be opened: another browser can, and so can another telephone. */
export function OpenBrowserPage({ view }: { view: OpenBrowserView }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: view.billHref }}>
      <Heading title={t('open_browser.title')} lead={t('open_browser.lead')} />
      <MoneyBanner state="not_charged" />
      <div class="sec stack">
        <ol class="card stack numbered">
          <li>{t('open_browser.step_menu')}</li>
          <li>{t('open_browser.step_open')}</li>
          <li>{t('open_browser.step_pay')}</li>
        </ol>
        {/* Where script runs here after all, it was only late: the press goes on by itself. */}
        <PostForm action={view.payAction} id="pay" class="go" quote={view.quote} idempotencyKey={view.idempotencyKey}>
          <Hidden name="way" value="wechat" />
        </PostForm>
        <p class="t-2">{t('open_browser.other')}</p>
        <PostForm action={view.payAction} quote={view.quote} idempotencyKey={view.idempotencyKey}>
          <Hidden name="way" value="wechat" />
          <Hidden name="by" value="code" />
          <Button kind="secondary" wide>
            {t('open_browser.code')}
          </Button>
        </PostForm>
      </div>
    </Layout>
  )
}

export const openBrowserPage = (ctx: PageContext, view: OpenBrowserView): string =>
  renderPage(ctx, <OpenBrowserPage view={view} />, { title: t(ctx.lang)('open_browser.title'), scripts: ['jsapi.js'] })

/** The way back from WeChat was used, old or not this browser's. */
export function StaleReturnPage({ billHref }: { billHref: string }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: billHref }}>
      <Heading title={t('stale_return.title')} lead={t('stale_return.lead')} />
      <MoneyBanner state="not_charged" />
      <div class="sec stack">
        <LinkButton href={billHref} wide>
          {t('stale_return.bill')}
        </LinkButton>
        <PhoneButton />
      </div>
    </Layout>
  )
}

export const staleReturnPage = (ctx: PageContext, billHref: string): string =>
  renderPage(ctx, <StaleReturnPage billHref={billHref} />, { title: t(ctx.lang)('stale_return.title'), hasError: true })
