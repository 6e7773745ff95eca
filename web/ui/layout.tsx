import type { ComponentChildren } from 'preact'
import { paths } from '#web/resident/paths.ts'
import { fieldNames, Hidden } from './forms.tsx'
import { usePage } from './page.tsx'
import { Icon } from './parts.tsx'

export const Brand = ({ href, place }: { href: string; place: string }) => (
  <a class="brand" href={href}>
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect class="logo-box" width="32" height="32" rx="8" />
      <path class="logo-door" d="M23 25V9a2 2 0 0 0-2-2H9v18M6 25h3M23 25h3" />
      <path class="logo-leaf" d="M9 7l7.5 3v17.5L9 25z" />
    </svg>
    <span>{usePage().t('brand')}</span>
    <span class="brand__place">{place}</span>
  </a>
)

/** A setting that is one button: size of text, language. */
function Switch(props: { name: 'elder' | 'lang'; value: string; class?: string; children: ComponentChildren; lang?: string }) {
  const { ctx } = usePage()
  return (
    <form method="post" action={paths.prefs}>
      <Hidden name={fieldNames.csrf} value={ctx.csrf} />
      <Hidden name={fieldNames.back} value={ctx.path} />
      <button type="submit" class={props.class} name={props.name} value={props.value} lang={props.lang}>
        {props.children}
      </button>
    </form>
  )
}

export interface Back {
  href: string
  text?: string
}

/** Frame of every resident page: skip link, way back, size switch, content, footer with the language. */
export function Layout({ back, noSwitch, children }: { back?: Back; noSwitch?: boolean; children: ComponentChildren }) {
  const { ctx, t } = usePage()
  return (
    <>
      <a class="skip" href="#main">
        {t('layout.skip')}
      </a>
      <div class="phone">
        <header class="topbar">
          {back ? (
            <a class="back" href={back.href}>
              <Icon name="back" />
              {back.text ?? t('layout.back')}
            </a>
          ) : (
            <Brand href={paths.home} place={ctx.tenantName} />
          )}
          {!noSwitch && (
            <Switch name="elder" value={ctx.elder ? 'standard' : 'elder'} class="btn btn--quiet">
              <Icon name="text" />
              {ctx.elder ? t('layout.standard') : t('layout.elder')}
            </Switch>
          )}
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
        <footer class="foot">
          <nav aria-label={t('layout.footer')}>
            <a href={paths.prices}>{t('prices.title')}</a>
            <a href={paths.verify}>{t('verify.title')}</a>
            <a href={paths.help}>{t('help.title')}</a>
            <a href={paths.accessibility}>{t('accessibility.title')}</a>
            <a href={`${paths.prefs}?back=${encodeURIComponent(ctx.path)}`}>{t('prefs.title')}</a>
          </nav>
          {!noSwitch && (
            <Switch name="lang" value={ctx.lang === 'en' ? 'zh-CN' : 'en'} lang={ctx.lang === 'en' ? 'zh-CN' : 'en'}>
              {ctx.lang === 'en' ? '中文' : 'English'}
            </Switch>
          )}
        </footer>
      </div>
    </>
  )
}

/** Heading and lead of a page that asks or tells one thing. */
export function Heading({ title, lead }: { title: string; lead?: ComponentChildren }) {
  return (
    <div class="heading">
      <h1>{title}</h1>
      {lead && <p class="t-2">{lead}</p>}
    </div>
  )
}
