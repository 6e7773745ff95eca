import type { ComponentChildren } from 'preact'
import { type FieldError, Hidden, PostForm } from '#web/ui/forms.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, usePage } from '#web/ui/page.tsx'
import { Icon, LinkButton } from '#web/ui/parts.tsx'
import { Hello, renderKiosk } from './frame.tsx'
import { Pad } from './pad.tsx'
import { kioskPaths } from './paths.ts'

/** A screen that stands alone: no visitor, nothing to wipe. `data-*` tell the script what to do here. */
function Alone({
  name,
  children,
  ...data
}: { name: string; children: ComponentChildren } & Readonly<Partial<Record<`data-${string}`, string>>>) {
  return (
    <div class={`kiosk kiosk--alone kiosk--${name}`} data-kiosk={name} {...data}>
      <main id="main" class="kiosk__main" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

const alone = (
  ctx: PageContext,
  name: string,
  title: string,
  children: ComponentChildren,
  { hasError, ...data }: { hasError?: boolean } & Readonly<Partial<Record<`data-${string}`, string>>> = {},
) =>
  renderKiosk(
    ctx,
    <Alone name={name} {...data}>
      {children}
    </Alone>,
    { title, hasError },
  )

/** Not a machine of ours, or one no longer in use. */
export const outPage = (ctx: PageContext): string => {
  const say = t(ctx.lang)
  return alone(
    ctx,
    'out',
    say('kiosk.out_title'),
    <>
      <Hello title={say('kiosk.out_title')}>
        <p>{say('kiosk.out_text', { phone: ctx.phone })}</p>
      </Hello>
      <div class="kiosk__acts">
        <LinkButton href={kioskPaths.enrol} kind="secondary" wide>
          {say('kiosk.out_enrol')}
        </LinkButton>
      </div>
    </>,
  )
}

/** The machine proves itself by its key; then the page that was asked for follows. */
export const proofPage = (ctx: PageContext): string => {
  const say = t(ctx.lang)
  return alone(
    ctx,
    'proof',
    say('kiosk.proof_title'),
    <>
      <Hello title={say('kiosk.proof_title')}>
        <p role="status" data-proof-text>
          {say('kiosk.proof_text')}
        </p>
      </Hello>
      <div class="kiosk__acts" data-proof-failed hidden>
        <p>{say('kiosk.proof_failed')}</p>
        <LinkButton href={kioskPaths.enrol} kind="secondary" wide>
          {say('kiosk.out_enrol')}
        </LinkButton>
      </div>
    </>,
    { 'data-prove': '1' },
  )
}

function EnrolScreen({ errors }: { errors?: readonly FieldError[] }) {
  const { t } = usePage()
  return (
    <>
      <Hello title={t('kiosk.enrol_title')}>
        <p>{t('kiosk.enrol_text')}</p>
      </Hello>
      <PostForm action={kioskPaths.enrol} id="enrol" class="padform">
        <Hidden name="key" value="" />
        <Hidden name="signature" value="" />
        <Pad name="code" label={t('kiosk.enrol_code')} digits={10} go={t('kiosk.enrol_go')} errors={errors} />
      </PostForm>
      <p class="t-bad" role="alert" data-enrol-failed hidden>
        {t('kiosk.enrol_no_key')}
      </p>
    </>
  )
}

export const enrolPage = (ctx: PageContext, errors?: readonly FieldError[]): string =>
  alone(ctx, 'enrol', t(ctx.lang)('kiosk.enrol_title'), <EnrolScreen errors={errors} />, { hasError: !!errors })

const both: readonly PageContext['lang'][] = ['zh-CN', 'en']

/** Kept by the worker for when no page can be had: it asks by itself and goes on when the network is back. In both languages. */
export const offlinePage = (ctx: PageContext): string =>
  alone(
    { ...ctx, lang: 'zh-CN', elder: undefined },
    'offline',
    t('zh-CN')('kiosk.offline_title'),
    <>
      <Icon name="alert" />
      {both.map(lang => {
        const say = t(lang)
        return (
          <section key={lang} lang={lang} class="stack">
            {lang === 'en' ? (
              <h2 class="kiosk__h1">{say('kiosk.offline_title')}</h2>
            ) : (
              <h1 class="kiosk__h1">{say('kiosk.offline_title')}</h1>
            )}
            <p>{say('kiosk.offline_paying_text')}</p>
            <p>{say('kiosk.offline_else', { phone: ctx.phone })}</p>
            <p class="t-2">{say('kiosk.offline_back')}</p>
          </section>
        )
      })}
    </>,
    { 'data-wait': kioskPaths.resume },
  )

/** A fault of ours. Money: the person is told that nothing is paid twice, and the order is found again. */
export const troublePage = (lang: PageContext['lang'], phone: string): string => {
  const say = t(lang)
  return alone(
    { lang, elder: undefined, path: kioskPaths.start, tenantName: '', csrf: '', phone, nonce: '' },
    'trouble',
    say('kiosk.trouble_title'),
    <>
      <Hello title={say('kiosk.trouble_title')}>
        <p>{say('kiosk.trouble_text')}</p>
        <p>{say('kiosk.offline_else', { phone })}</p>
      </Hello>
      <div class="kiosk__acts">
        <LinkButton href={kioskPaths.resume} wide>
          {say('action.retry')}
        </LinkButton>
      </div>
    </>,
    { 'data-wait': kioskPaths.resume, 'data-wait-ms': '10000' },
  )
}
