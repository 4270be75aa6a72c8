-- For people: who did what to whom, when, and how it ended.
create view :schema.audit_logs as
select time, action, actor, target, outcome, severity,
  body::jsonb #>> '{context,requestId}' as request_id,
  body::jsonb #>> '{context,traceId}' as trace_id,
  body::jsonb -> 'data' as data,
  body::jsonb -> 'changes' as changes,
  subject, id
from :schema.events;

create view :schema.security_events as
select * from :schema.audit_logs
where action like 'auth.%' or outcome in ('denied', 'failure') or severity in ('high', 'critical');

create view :schema.target_history as
select e.time, t.value ->> 'type' as target_type, t.value ->> 'id' as target_id, e.action, e.actor, e.outcome, e.id
from :schema.events e, jsonb_array_elements(e.body::jsonb -> 'targets') t;

create view :schema.actor_activity as
select actor, date_trunc('day', time) as day, action, outcome, count(*) as events
from :schema.events group by 1, 2, 3, 4;

create view :schema.row_history as
select c.at, coalesce(t.name, c.relation::regclass::text) as relation, c.op, c.key, c.old::jsonb as old, c.new::jsonb as new, c.actor, c.request, c.id
from :schema.row_changes c left join :schema.tracked t on t.relation = c.relation;
