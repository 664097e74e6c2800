"""How a model is learned and judged: its pipeline and boosting rounds, folds and scores, baselines, teams."""
