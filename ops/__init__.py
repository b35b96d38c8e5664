"""What watches a server, made of the table of metrics: a dashboard for Grafana, alerts for Prometheus."""
