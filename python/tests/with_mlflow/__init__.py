"""What `reenact.mlflow` promises, held against MLflow itself."""
