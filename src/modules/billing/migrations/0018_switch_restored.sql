alter table billing.switch_plan drop constraint switch_plan_end_why_check;
alter table billing.switch_plan add constraint switch_plan_end_why_check check (end_why in ('budget', 'person', 'replaced', 'restored'));
